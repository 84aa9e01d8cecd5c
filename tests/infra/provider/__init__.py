"""A stand-in for RunPod's Terraform provider 2.0, for tests without a registry and without RunPod.

It is **not** RunPod's provider: its schema was written from RunPod's migration guide, not from the provider's source. What
Terraform does with it says that our configuration is sound and how it behaves against our model of the provider.
`make infra-verify` asks the real one.
"""
