"""The rules about Kubernetes objects, one file each."""
