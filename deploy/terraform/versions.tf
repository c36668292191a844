terraform {
  required_version = ">= 1.9"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 6.22" # knows nodejs24.x
    }
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_region" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  suffix    = data.aws_partition.current.dns_suffix
  region    = data.aws_region.current.region
  arn       = "arn:${local.partition}"
  here      = "${local.region}:${local.account}"

  makes_config = var.stored_config_arn == ""
  config_arn   = local.makes_config ? aws_secretsmanager_secret.stored_config[0].arn : var.stored_config_arn

  has_key = var.create_key || var.kms_key_arn != ""
  key_arn = var.create_key ? aws_kms_key.key[0].arn : var.kms_key_arn

  makes_plan     = var.plan != ""
  plan_parameter = local.makes_plan ? "/${var.name}/plan" : var.plan_parameter_name

  is_fast      = var.fast_schedule != ""
  in_vpc       = length(var.subnet_ids) > 0
  has_workflow = var.github_repository != ""
  has_cluster  = var.cluster_name != ""
  has_alarm    = var.rollout_alarm != ""
  makes_topic  = var.notification_topic_arn == ""
  topic_arn    = local.makes_topic ? aws_sns_topic.topic[0].arn : var.notification_topic_arn

  rotate_arn   = "${local.arn}:lambda:${local.here}:function:${var.name}-rotate"
  document_arn = "${local.arn}:ssm:${local.here}:document/${var.name}-reload"
}
