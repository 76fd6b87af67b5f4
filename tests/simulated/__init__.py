"""Provisioning under a seed's disturbances: everything but the weather is real, and no time passes."""
