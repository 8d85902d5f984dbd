"""The agents and their doors."""
