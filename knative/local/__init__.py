"""Knative on one machine: broker, activator and sources in one process, read from the manifests."""
