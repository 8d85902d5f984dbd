"""What operators do by hand: look into dead letters and send them again, look at intents and skip them."""
