"""Commands as processes of this machine, in namespaces or plain. No engine."""
