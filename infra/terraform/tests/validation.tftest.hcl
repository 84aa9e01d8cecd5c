# What is refused before anything is rented. Each variable must be refused for itself.
mock_provider "runpod" {}

variables {
  cluster_name = "lab"
  image        = "ghcr.io/example/watchdog-pod:1.0"
  gpu_type_id  = "NVIDIA A100 80GB PCIe"
  deadline     = 1800000000
}

run "values_that_cannot_be" {
  command = plan

  variables {
    cluster_name     = "Lab"
    image            = "ghcr.io/example/watchdog-pod:latest"
    gpu_type_id      = "NVIDIA L40S,NVIDIA H100 PCIe"
    gpu_count        = 9
    worker_count     = 1.5
    cloud            = "ALL"
    data_center_ids  = ["Romania"]
    min_cuda_version = "12"
    disk_gb          = 10
    volume_gb        = 5
    worker_volume_gb = 5
    gateway_port     = 8000
    deadline         = 1800000000000
    model_profile    = "../x"
    marker           = "a b"
    secret_names     = { hf_token = "hf_abc+/=" }
    secret_values    = { PASSWORD = "0123456789abcdef0123456789abcdef" }
  }

  expect_failures = [
    var.cluster_name,
    var.image,
    var.gpu_type_id,
    var.gpu_count,
    var.worker_count,
    var.cloud,
    var.data_center_ids,
    var.min_cuda_version,
    var.disk_gb,
    var.volume_gb,
    var.worker_volume_gb,
    var.gateway_port,
    var.deadline,
    var.model_profile,
    var.marker,
    var.secret_names,
    var.secret_values,
  ]
}

run "values_that_are_out_of_bounds" {
  command = plan

  variables {
    cluster_name      = "a-name-that-is-longer-than-31-characters"
    image             = "ghcr.io/example/watchdog-pod"
    gpu_type_id       = "AMD Instinct MI300X OAM"
    gpu_count         = 0
    worker_count      = -1
    network_volume_id = "vol123"
    gateway_port      = 80
    deadline          = 3600
    secret_values     = { HF_TOKEN = "short" }
  }

  expect_failures = [
    var.cluster_name,
    var.image,
    var.gpu_type_id,
    var.gpu_count,
    var.worker_count,
    var.network_volume_id,
    var.gateway_port,
    var.deadline,
    var.secret_values,
  ]
}

run "the_community_cloud_is_doubtful" {
  command = plan

  variables {
    cloud = "COMMUNITY"
  }

  expect_failures = [check.global_networking]
}
