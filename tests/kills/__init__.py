"""Workers killed at every moment that matters, while the service fails: is anything lost, doubled or left behind?"""
