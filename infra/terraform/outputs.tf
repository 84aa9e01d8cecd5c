# `terraform output -json cluster`: what the driver needs to wire the cluster to the app.
output "cluster" {
  description = "The pods of the cluster, head first."
  value = {
    name         = var.cluster_name
    marker       = var.marker
    gateway_port = var.gateway_port
    pods = [
      for pod in concat([runpod_pod.head], runpod_pod.worker) : {
        id             = pod.id
        name           = pod.name
        role           = pod.id == runpod_pod.head.id ? "head" : "worker"
        gpu_type_id    = pod.gpu_type_id
        gpu_count      = pod.gpu_count
        cloud          = pod.cloud
        data_center_id = pod.data_center_id
        usd_per_hour   = pod.cost
        created_at     = pod.created_at
        internal_dns   = "${pod.id}.runpod.internal"
        gateway_url    = "https://${pod.id}-${var.gateway_port}.proxy.runpod.net"
      }
    ]
  }
}
