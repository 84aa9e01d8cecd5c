variable "cluster_name" {
  description = "Name of the cluster; every pod's name begins with it."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.cluster_name))
    error_message = "cluster_name: 2 to 31 lower-case letters, digits and hyphens, a letter first."
  }
}

variable "marker" {
  description = "Marks the pods of this installation, so that an account may be shared."
  type        = string
  default     = "gpu-watchdog"

  validation {
    condition     = can(regex("^[A-Za-z0-9._:/@-]{1,100}$", var.marker))
    error_message = "marker: 1 to 100 letters, digits or . _ : / @ -"
  }
}

variable "image" {
  description = "Image of docker/runpod-template, with a tag other than latest or a digest."
  type        = string

  validation {
    condition     = can(regex("^[^\\s@]+(:[A-Za-z0-9._-]+|@sha256:[0-9a-f]{64})$", var.image)) && !endswith(var.image, ":latest")
    error_message = "image: name a tag or a digest, never latest: hosts keep the image they have under that name."
  }
}

variable "registry_id" {
  description = "Id of the registry credential at RunPod; null for a public image."
  type        = string
  default     = null
}

variable "gpu_type_id" {
  description = "The one GPU type to rent, as RunPod's catalogue names it. Who calls Terraform chooses what is to be had."
  type        = string

  validation {
    condition     = can(regex("^NVIDIA [A-Za-z0-9 -]+$", var.gpu_type_id))
    error_message = "gpu_type_id: one id of RunPod's catalogue, such as \"NVIDIA A100 80GB PCIe\". Global networking is for NVIDIA GPUs alone."
  }
}

variable "gpu_count" {
  description = "GPUs in each pod."
  type        = number
  default     = 1

  validation {
    condition     = var.gpu_count >= 1 && var.gpu_count <= 8 && floor(var.gpu_count) == var.gpu_count
    error_message = "gpu_count: a whole number from 1 to 8."
  }
}

variable "worker_count" {
  description = "Worker pods beside the head."
  type        = number
  default     = 1

  validation {
    condition     = var.worker_count >= 0 && var.worker_count <= 32 && floor(var.worker_count) == var.worker_count
    error_message = "worker_count: a whole number from 0 to 32."
  }
}

variable "cloud" {
  description = "SECURE or COMMUNITY. RunPod documents global networking for SECURE only."
  type        = string
  default     = "SECURE"

  validation {
    condition     = contains(["SECURE", "COMMUNITY"], var.cloud)
    error_message = "cloud: SECURE or COMMUNITY."
  }
}

variable "data_center_ids" {
  description = "Data centers to choose from; empty: RunPod chooses. Name those whose catalogue entry says globalNetwork."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for id in var.data_center_ids : can(regex("^[A-Z]{2,3}-[A-Z0-9]{2,3}-[0-9]+$", id))])
    error_message = "data_center_ids: ids such as \"EU-RO-1\"."
  }
}

variable "min_cuda_version" {
  description = "Lowest CUDA version of the host, such as \"12.8\"; null: any."
  type        = string
  default     = null

  validation {
    condition     = var.min_cuda_version == null || can(regex("^[0-9]+\\.[0-9]+$", var.min_cuda_version))
    error_message = "min_cuda_version: major.minor, such as \"12.8\"."
  }
}

variable "disk_gb" {
  description = "Container disk of each pod, GB; lost when the pod stops."
  type        = number
  default     = 60

  validation {
    condition     = var.disk_gb >= 20 && var.disk_gb <= 2000 && floor(var.disk_gb) == var.disk_gb
    error_message = "disk_gb: a whole number from 20 to 2000. The image alone needs about 15."
  }
}

variable "volume_gb" {
  description = "Volume of the head at /workspace, GB, for models; 0: none."
  type        = number
  default     = 100

  validation {
    condition     = var.volume_gb == 0 || (var.volume_gb >= 10 && var.volume_gb <= 4000 && floor(var.volume_gb) == var.volume_gb)
    error_message = "volume_gb: 0, or a whole number from 10 (RunPod's least) to 4000."
  }
}

variable "worker_volume_gb" {
  description = "Volume of each worker at /workspace, GB; 0: none."
  type        = number
  default     = 0

  validation {
    condition     = var.worker_volume_gb == 0 || (var.worker_volume_gb >= 10 && var.worker_volume_gb <= 4000 && floor(var.worker_volume_gb) == var.worker_volume_gb)
    error_message = "worker_volume_gb: 0, or a whole number from 10 (RunPod's least) to 4000."
  }
}

variable "network_volume_id" {
  description = "A network volume for the head at /workspace instead of volume_gb; it outlives the cluster, and it is billed."
  type        = string
  default     = null

  validation {
    condition     = var.network_volume_id == null || var.volume_gb == 0
    error_message = "network_volume_id: a pod takes one kind of volume; set volume_gb = 0 too."
  }
}

variable "ssh" {
  description = "Open ssh with the public keys registered at RunPod."
  type        = bool
  default     = true
}

variable "gateway_port" {
  description = "Port of the gateway in the pod, the only one that RunPod's public proxy gets."
  type        = number
  default     = 8080

  validation {
    condition     = var.gateway_port >= 1024 && var.gateway_port <= 65535 && !contains([6817, 6818, 6819, 8000, 8001, 8888, 9341, 9400], var.gateway_port)
    error_message = "gateway_port: from 1024 to 65535, and none that Slurm, vLLM, an exporter or the base image takes."
  }
}

variable "deadline" {
  description = "When the pods stop themselves, seconds since 1970 (UTC). Extending it does not change pods that run."
  type        = number

  validation {
    condition     = var.deadline > 1767225600 && var.deadline < 4102444800 && floor(var.deadline) == var.deadline
    error_message = "deadline: whole seconds since 1970, not milliseconds; from 2026 on."
  }
}

variable "model_profile" {
  description = "vLLM profile of the image to serve on the head; empty: none."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^[a-z0-9._-]*$", var.model_profile))
    error_message = "model_profile: lower-case letters, digits, dots, hyphens and underscores."
  }
}

variable "secret_names" {
  description = "Names of the RunPod secrets. hf_token may be null."
  type = object({
    cluster_secret = optional(string, "watchdog_cluster_secret")
    gateway_token  = optional(string, "watchdog_gateway_token")
    vllm_api_key   = optional(string, "watchdog_vllm_api_key")
    hf_token       = optional(string)
  })
  default = {}

  validation {
    condition     = alltrue([for name in values(var.secret_names) : name == null || can(regex("^[A-Za-z0-9_-]{1,64}$", name))])
    error_message = "secret_names: the name of a secret, never its value: letters, digits, _ and -."
  }
}

variable "secret_values" {
  description = "Values given in place of RunPod secrets, by the pod's variable. They land in the state in plain text."
  type        = map(string)
  default     = {}
  sensitive   = true

  validation {
    condition     = length(setsubtract(keys(var.secret_values), ["WATCHDOG_CLUSTER_SECRET", "WATCHDOG_GATEWAY_TOKEN", "WATCHDOG_VLLM_API_KEY", "HF_TOKEN"])) == 0
    error_message = "secret_values: WATCHDOG_CLUSTER_SECRET, WATCHDOG_GATEWAY_TOKEN, WATCHDOG_VLLM_API_KEY and HF_TOKEN are known."
  }

  validation {
    condition     = alltrue([for value in values(var.secret_values) : length(value) >= 32])
    error_message = "secret_values: a value of fewer than 32 characters can be guessed."
  }
}
