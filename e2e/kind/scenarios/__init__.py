"""What a Cluster on a real Kubernetes must survive, one sentence a scenario. `e2e/kind/run scenarios` plays them."""
