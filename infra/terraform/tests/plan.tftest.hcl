# `terraform test`: needs the provider installed for its schema, but neither a key nor RunPod.
mock_provider "runpod" {}

variables {
  cluster_name = "lab"
  image        = "ghcr.io/example/watchdog-pod:1.0"
  gpu_type_id  = "NVIDIA A100 80GB PCIe"
  worker_count = 3
  deadline     = 1800000000
}

run "a_head_and_three_workers" {
  command = plan

  assert {
    condition     = runpod_pod.head.name == "lab-head" && [for pod in runpod_pod.worker : pod.name] == ["lab-worker-0", "lab-worker-1", "lab-worker-2"]
    error_message = "names"
  }

  assert {
    condition     = alltrue([for pod in concat([runpod_pod.head], runpod_pod.worker) : pod.global_networking && pod.gpu_type_id == var.gpu_type_id && pod.gpu_count == 1 && pod.cloud == "SECURE"])
    error_message = "every pod is of the one GPU type, on the secure cloud and on the global network"
  }

  assert {
    condition     = alltrue([for pod in concat([runpod_pod.head], runpod_pod.worker) : pod.ports == tolist(["8080/http", "22/tcp"])])
    error_message = "the gateway and ssh are open, nothing else"
  }

  assert {
    condition     = alltrue([for pod in concat([runpod_pod.head], runpod_pod.worker) : pod.env["WATCHDOG_DEADLINE"] == "1800000000"])
    error_message = "every pod knows its deadline"
  }
}

run "secrets_are_references" {
  command = plan

  variables {
    secret_names = { hf_token = "hf" }
  }

  assert {
    condition     = runpod_pod.head.env["WATCHDOG_CLUSTER_SECRET"] == "{{ RUNPOD_SECRET_watchdog_cluster_secret }}" && runpod_pod.head.env["HF_TOKEN"] == "{{ RUNPOD_SECRET_hf }}"
    error_message = "the head gets references"
  }

  assert {
    condition     = alltrue([for pod in runpod_pod.worker : !contains(keys(pod.env), "HF_TOKEN") && !contains(keys(pod.env), "WATCHDOG_VLLM_API_KEY")])
    error_message = "workers serve no model"
  }
}

run "no_token_no_variable" {
  command = plan

  assert {
    condition     = !contains(keys(runpod_pod.head.env), "HF_TOKEN")
    error_message = "without a name there is no HF_TOKEN"
  }
}

run "without_ssh_there_is_no_port_22" {
  command = plan

  variables {
    ssh = false
  }

  assert {
    condition     = runpod_pod.head.ports == tolist(["8080/http"]) && !runpod_pod.head.start_ssh
    error_message = "the gateway alone"
  }
}

run "a_network_volume_instead_of_the_pods_own" {
  command = plan

  variables {
    network_volume_id = "vol123"
    volume_gb         = 0
  }

  assert {
    condition     = runpod_pod.head.persistent_volume == null && runpod_pod.head.network_volumes[0].volume_id == "vol123"
    error_message = "one kind of volume"
  }
}

run "workers_follow_the_head" {
  command = apply

  assert {
    condition     = alltrue([for pod in runpod_pod.worker : pod.env["WATCHDOG_HEAD"] == "${runpod_pod.head.id}.runpod.internal"])
    error_message = "workers are told the internal name of the head"
  }

  assert {
    condition     = output.cluster.pods[0].role == "head" && output.cluster.pods[0].gateway_url == "https://${runpod_pod.head.id}-8080.proxy.runpod.net"
    error_message = "the output names the head's gateway"
  }
}

run "another_gpu_type_keeps_the_pods" {
  command = apply

  variables {
    gpu_type_id = "NVIDIA H100 PCIe"
    deadline    = 1800003600
  }

  assert {
    condition     = runpod_pod.head.id == run.workers_follow_the_head.cluster.pods[0].id && output.cluster.pods[0].gpu_type_id == "NVIDIA A100 80GB PCIe"
    error_message = "a running pod is not replaced"
  }
}
