"""Detectors: closed windows to findings. Pure but for each detector's own state."""
