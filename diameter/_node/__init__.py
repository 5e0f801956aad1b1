"""Parts of the node that need neither a reactor nor Twisted; private to `diameter.node`."""
