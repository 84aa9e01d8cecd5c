locals {
  secret_refs = {
    for variable, name in {
      WATCHDOG_CLUSTER_SECRET = var.secret_names.cluster_secret
      WATCHDOG_GATEWAY_TOKEN  = var.secret_names.gateway_token
      WATCHDOG_VLLM_API_KEY   = var.secret_names.vllm_api_key
      HF_TOKEN                = var.secret_names.hf_token
    } : variable => "{{ RUNPOD_SECRET_${name} }}" if name != null
  }

  # Element by element: a merge with the variable itself would hide the whole environment from the plan.
  secrets = merge(local.secret_refs, {
    for variable in nonsensitive(keys(var.secret_values)) : variable => var.secret_values[variable]
  })

  # What only the head may know.
  model_secrets  = ["WATCHDOG_VLLM_API_KEY", "HF_TOKEN"]
  worker_secrets = { for variable, value in local.secrets : variable => value if !contains(local.model_secrets, variable) }

  env = {
    WATCHDOG_CLUSTER      = var.cluster_name
    WATCHDOG_MARKER       = var.marker
    WATCHDOG_GPU_COUNT    = tostring(var.gpu_count)
    WATCHDOG_GATEWAY_PORT = tostring(var.gateway_port)
    WATCHDOG_DEADLINE     = tostring(var.deadline)
  }

  ports        = concat(["${var.gateway_port}/http"], var.ssh ? ["22/tcp"] : [])
  data_centers = length(var.data_center_ids) > 0 ? var.data_center_ids : null
  mount_path   = "/workspace"
}

# No desired_state: with it, the next apply would start again what the idle guard has stopped.
resource "runpod_pod" "head" {
  name     = "${var.cluster_name}-head"
  image    = var.image
  registry = var.registry_id

  gpu_type_id      = var.gpu_type_id
  gpu_count        = var.gpu_count
  cloud            = var.cloud
  data_center_ids  = local.data_centers
  min_cuda_version = var.min_cuda_version

  disk              = var.disk_gb
  persistent_volume = var.volume_gb > 0 ? { size = var.volume_gb, path = local.mount_path } : null
  network_volumes   = var.network_volume_id == null ? null : [{ volume_id = var.network_volume_id, path = local.mount_path }]

  global_networking = true
  start_ssh         = var.ssh
  ports             = local.ports

  env = merge(local.env, local.secrets, {
    WATCHDOG_ROLE          = "head"
    WATCHDOG_MODEL_PROFILE = var.model_profile
  })

  lifecycle {
    # What a pod is told and made of is settled when it is rented: a later change would destroy a pod that runs, or
    # restart it. It holds for pods yet to be rented; `terraform apply -replace=…` rents one anew.
    ignore_changes = [
      env, gpu_type_id, gpu_count, cloud, data_center_ids, min_cuda_version, start_ssh, global_networking,
    ]
  }
}

# Changes with the head, also where the head itself is only created, because RunPod has taken the old one away.
resource "terraform_data" "head" {
  input = runpod_pod.head.id
}

resource "runpod_pod" "worker" {
  count = var.worker_count

  name     = "${var.cluster_name}-worker-${count.index}"
  image    = var.image
  registry = var.registry_id

  gpu_type_id      = var.gpu_type_id
  gpu_count        = var.gpu_count
  cloud            = var.cloud
  data_center_ids  = local.data_centers
  min_cuda_version = var.min_cuda_version

  disk              = var.disk_gb
  persistent_volume = var.worker_volume_gb > 0 ? { size = var.worker_volume_gb, path = local.mount_path } : null

  global_networking = true
  start_ssh         = var.ssh
  ports             = local.ports

  env = merge(local.env, local.worker_secrets, {
    WATCHDOG_ROLE         = "worker"
    WATCHDOG_HEAD         = "${runpod_pod.head.id}.runpod.internal"
    WATCHDOG_WORKER_INDEX = tostring(count.index)
  })

  lifecycle {
    ignore_changes = [
      env, gpu_type_id, gpu_count, cloud, data_center_ids, min_cuda_version, start_ssh, global_networking,
    ]

    # Another head has another address, of which a worker is told when it is rented.
    replace_triggered_by = [terraform_data.head]
  }
}

check "global_networking" {
  assert {
    condition     = var.cloud == "SECURE"
    error_message = "RunPod documents global networking for the secure cloud only: workers may not find the head."
  }
}
