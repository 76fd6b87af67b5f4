"""What whoever runs the sandbox sees and turns: admin routes, the request log, the command line."""
