# The same inputs as the parameters of deploy/template.yaml; docs/deploy.md explains them.

variable "name" {
  type        = string
  description = "What the names of everything here begin with. One stack for each stored config."
  default     = "ecs-pull-auth"
  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,30}$", var.name))
    error_message = "Must match the pattern of the template's parameter Name."
  }
}

variable "stored_config_name" {
  type        = string
  description = "Name of the secret that holds the stored config, as the plan has it. Metrics go by it."
  validation {
    condition     = can(regex("^[A-Za-z0-9/_+=.@-]{1,512}$", var.stored_config_name))
    error_message = "Must match the pattern of the template's parameter StoredConfigName."
  }
}

variable "stored_config_arn" {
  type        = string
  description = "Full ARN of that secret, in this account and Region. Empty makes it; it stays when the stack goes."
  default     = ""
  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:.+)?$", var.stored_config_arn))
    error_message = "Must match the pattern of the template's parameter StoredConfigArn."
  }
}

variable "initial_config" {
  type        = string
  description = "First text of a stored config that this stack makes. No credentials - they come with the first rotation. Read once; leave it."
  default     = "ECS_CLUSTER=default"
}

variable "kms_key_arn" {
  type        = string
  description = "ARN of the customer key of the secrets. Empty is the AWS managed key, or the one that CreateKey makes."
  default     = ""
  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/.+)?$", var.kms_key_arn))
    error_message = "Must match the pattern of the template's parameter KmsKeyArn."
  }
}

variable "create_key" {
  type        = bool
  description = "Make a key for the stored config; it stays when the stack goes."
  default     = false
}

variable "plan" {
  type        = string
  description = "The plan as JSON (up to 4,096 characters), kept in a parameter of this stack. Else name PlanParameterName."
  default     = ""
}

variable "plan_parameter_name" {
  type        = string
  description = "Name, from its first /, of an SSM parameter that holds the plan as JSON and belongs to somebody else."
  default     = ""
  validation {
    condition     = can(regex("^(/[A-Za-z0-9_./-]{1,512})?$", var.plan_parameter_name))
    error_message = "Must match the pattern of the template's parameter PlanParameterName."
  }
}

variable "root_secret_arns" {
  type        = list(string)
  description = "ARNs of the root and credential secrets that the plan names."
  default     = []
}

variable "retire_secret_arns" {
  type        = list(string)
  description = "Those of them with which old credentials are revoked, or whose end is watched."
  default     = []
}

variable "identity_audiences" {
  type        = list(string)
  description = "Audiences of the web identity tokens that the plan's providers ask AWS for."
  default     = []
}

variable "output_secret_arns" {
  type        = list(string)
  description = "ARNs of the secrets that the plan's outputs write."
  default     = []
}

variable "rotate_policy_arns" {
  type        = list(string)
  description = "Managed policies that the rotation function needs beside, as for ecr. See ecs-pull-auth iam."
  default     = []
}

variable "react_policy_arns" {
  type        = list(string)
  description = "Managed policies that the event function needs beside, as for an s3 output. See ecs-pull-auth iam."
  default     = []
}

variable "rotation_schedule" {
  type        = string
  description = "Secrets Manager's own schedule, every 4 hours at most. Beside FastSchedule it is the backstop."
  default     = "rate(4 hours)"
  validation {
    condition     = can(regex("^(rate|cron)\\(.+\\)$", var.rotation_schedule))
    error_message = "Must match the pattern of the template's parameter RotationSchedule."
  }
}

variable "rotation_window" {
  type        = string
  description = "Its window. A rotation comes at any moment of it."
  default     = "1h"
  validation {
    condition     = can(regex("^[1-9][0-9]?h$", var.rotation_window))
    error_message = "Must match the pattern of the template's parameter RotationWindow."
  }
}

variable "fast_schedule" {
  type        = string
  description = "rate(15 minutes) to rate(3 hours), for credentials that live no longer. EventBridge Scheduler calls RotateSecret."
  default     = ""
  validation {
    condition     = can(regex("^(rate\\((1[5-9]|[2-9][0-9]|1[0-9][0-9]|2[0-3][0-9]) minutes\\)|rate\\([1-3] hours?\\))?$", var.fast_schedule))
    error_message = "Must match the pattern of the template's parameter FastSchedule."
  }
}

variable "drain_seconds" {
  type        = number
  description = "fleet.drain of the plan, or 900 if that is longer. The end of a rollout is looked at after so long."
  default     = 300
  validation {
    condition     = var.drain_seconds >= 0 && var.drain_seconds <= 900
    error_message = "Must be 0 or more, at most 900."
  }
}

variable "fleet_tag_values" {
  type        = list(string)
  description = "Instances whose tag ecs-pull-auth has one of these values are reloaded."
  default     = ["prod"]
}

variable "cluster_name" {
  type        = string
  description = "fleet.cluster of the plan, if it has one."
  default     = ""
  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{0,255}$", var.cluster_name))
    error_message = "Must match the pattern of the template's parameter ClusterName."
  }
}

variable "mode" {
  type        = string
  description = "fleet.mode of the plan."
  default     = "auth-only"
  validation {
    condition     = contains(["auth-only", "replace"], var.mode)
    error_message = "Must be one of auth-only, replace."
  }
}

variable "rollout_alarm" {
  type        = string
  description = "fleet.alarm of the plan - the CloudWatch alarm that stops a rollout."
  default     = ""
  validation {
    condition     = can(regex("^.{0,255}$", var.rollout_alarm))
    error_message = "Must match the pattern of the template's parameter RolloutAlarm."
  }
}

variable "use_runbook" {
  type        = bool
  description = "Rollouts are runs of an Automation runbook; the plan then has fleet.runbook with the role of this stack's outputs."
  default     = false
}

variable "approval_topic_arn" {
  type        = string
  description = "fleet.runbook.notify of the plan."
  default     = ""
  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:Automation[A-Za-z0-9_-]*)?$", var.approval_topic_arn))
    error_message = "Must match the pattern of the template's parameter ApprovalTopicArn."
  }
}

variable "calendar_name" {
  type        = string
  description = "fleet.runbook.calendar of the plan."
  default     = ""
  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{0,128}$", var.calendar_name))
    error_message = "Must match the pattern of the template's parameter CalendarName."
  }
}

variable "association_rate" {
  type        = string
  description = "How often State Manager looks whether each instance has the current credentials; 30 minutes at best."
  default     = "rate(1 hour)"
  validation {
    condition     = can(regex("^rate\\(.+\\)$", var.association_rate))
    error_message = "Must match the pattern of the template's parameter AssociationRate."
  }
}

variable "boot_hook" {
  type        = string
  description = "Whether instances fetch the current credentials before each start of their agent."
  default     = "install"
  validation {
    condition     = contains(["install", "keep", "remove"], var.boot_hook)
    error_message = "Must be one of install, keep, remove."
  }
}

variable "notification_topic_arn" {
  type        = string
  description = "SNS topic for alarms; its policy must let CloudWatch, and EventBridge without a condition, publish. Empty makes one."
  default     = ""
  validation {
    condition     = can(regex("^(arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]+)?$", var.notification_topic_arn))
    error_message = "Must match the pattern of the template's parameter NotificationTopicArn."
  }
}

variable "max_version_age_seconds" {
  type        = number
  description = "A current version that is older wakes somebody, as does silence. Twice the interval and the window of the schedule."
  default     = 43200
  validation {
    condition     = var.max_version_age_seconds >= 1800
    error_message = "Must be 1800 or more."
  }
}

variable "max_life_used_percent" {
  type        = number
  description = "A credential that has used up more of its life wakes somebody."
  default     = 50
  validation {
    condition     = var.max_life_used_percent >= 10 && var.max_life_used_percent <= 95
    error_message = "Must be 10 or more, at most 95."
  }
}

variable "log_retention_days" {
  type        = number
  description = "How long the functions' logs are kept."
  default     = 90
  validation {
    condition     = contains([7, 14, 30, 60, 90, 180, 365, 731, 1827, 3653], var.log_retention_days)
    error_message = "Must be one of 7, 14, 30, 60, 90, 180, 365, 731, 1827, 3653."
  }
}

variable "code_bucket" {
  type        = string
  description = "Bucket in this Region with the release's functions zip."
  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.code_bucket))
    error_message = "Must match the pattern of the template's parameter CodeBucket."
  }
}

variable "code_key" {
  type        = string
  description = "Key of that zip. A new release has a new key, so that the functions change."
}

variable "code_version" {
  type        = string
  description = "Version of the object, where the bucket has versions."
  default     = ""
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets for the functions, only for registries that are reached from there alone."
  default     = []
}

variable "security_group_ids" {
  type        = list(string)
  description = "Their security groups; no way in, HTTPS out."
  default     = []
}

variable "github_repository" {
  type        = string
  description = "OWNER/NAME whose workflow rotates and reloads; makes a role for it. The account has GitHub's OIDC provider already."
  default     = ""
  validation {
    condition     = can(regex("^([A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+)?$", var.github_repository))
    error_message = "Must match the pattern of the template's parameter GithubRepository."
  }
}

variable "github_owner_id" {
  type        = string
  description = "The owner's id, which does not move with a name."
  default     = ""
  validation {
    condition     = can(regex("^[0-9]*$", var.github_owner_id))
    error_message = "Must match the pattern of the template's parameter GithubOwnerId."
  }
}

variable "github_repository_id" {
  type        = string
  description = "The repository's id."
  default     = ""
  validation {
    condition     = can(regex("^[0-9]*$", var.github_repository_id))
    error_message = "Must match the pattern of the template's parameter GithubRepositoryId."
  }
}

variable "github_context" {
  type        = string
  description = "What the subject of its tokens ends with, as environment:production."
  default     = "ref:refs/heads/main"
}
