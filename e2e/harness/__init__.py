"""What `e2e/run` is made of: brokers to test against, programs to run, tools to install. Standard library only."""
