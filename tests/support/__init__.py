"""What several test suites share: starters of real servers, no fakes."""
