# What is kept. Terraform knows no "retain": destroying it is refused, or leaves it. Take it out of the state first.

resource "aws_kms_key" "key" {
  count               = var.create_key ? 1 : 0
  description         = "Secrets of ${var.name}"
  enable_key_rotation = true
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "ByIamPolicies"
      Effect    = "Allow"
      Principal = { AWS = "${local.arn}:iam::${local.account}:root" }
      Action    = "kms:*"
      Resource  = "*"
    }]
  })
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_secretsmanager_secret" "stored_config" {
  count       = local.makes_config ? 1 : 0
  name        = var.stored_config_name
  description = "Stored config of the ECS agent; rotated by ecs-pull-auth."
  kms_key_id  = local.has_key ? local.key_arn : null
  lifecycle {
    prevent_destroy = true
  }
}

# The first text only: every later version is a rotation's, and none of them is in the state.
resource "aws_secretsmanager_secret_version" "initial_config" {
  count         = local.makes_config ? 1 : 0
  secret_id     = aws_secretsmanager_secret.stored_config[0].id
  secret_string = var.initial_config
  lifecycle {
    ignore_changes = [secret_string, version_stages]
  }
}

resource "aws_ssm_parameter" "plan_parameter" {
  count       = local.makes_plan ? 1 : 0
  name        = "/${var.name}/plan"
  type        = "String"
  description = "The plan of ecs-pull-auth. No secrets - names of secrets only."
  value       = var.plan
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "rotate_log" {
  name              = "/aws/lambda/${var.name}-rotate"
  retention_in_days = var.log_retention_days
  skip_destroy      = true
}

resource "aws_cloudwatch_log_group" "react_log" {
  name              = "/aws/lambda/${var.name}-react"
  retention_in_days = var.log_retention_days
  skip_destroy      = true
}
