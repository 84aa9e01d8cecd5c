terraform {
  # 1.9: validations that look at other variables.
  required_version = ">= 1.9"

  required_providers {
    runpod = {
      source  = "runpod/runpod"
      version = "~> 2.0"
    }
  }

  # `terraform init -backend-config=path=…` keeps the state of each cluster where its owner wants it.
  backend "local" {}
}

# The key comes from RUNPOD_API_KEY, another address from RUNPOD_API_BASE_URL: neither gets into plan or state.
provider "runpod" {}
