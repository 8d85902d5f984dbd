"""Tests: unit (mirrors the tree), contract, integration, e2e."""
