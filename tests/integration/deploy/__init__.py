"""What stands in `deploy` fits what the services do."""
