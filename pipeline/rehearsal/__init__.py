"""Rules tried without a broker or a store: on series that a test writes down, and on windows that were stored before."""
