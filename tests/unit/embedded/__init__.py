"""Tests of the supervisor and of what the embedded servers share."""
