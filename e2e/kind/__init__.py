"""A real Kubernetes for tests: kind as users run it, also on a machine that has neither Docker nor a container registry."""
