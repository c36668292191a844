# On the instances.

resource "aws_ssm_document" "reload_document" {
  name            = "${var.name}-reload"
  document_type   = "Command"
  document_format = "JSON"
  content         = file("${path.module}/../document.json")
}

resource "aws_ssm_document" "rollout_runbook" {
  count           = var.use_runbook ? 1 : 0
  name            = "${var.name}-rollout"
  document_type   = "Automation"
  document_format = "JSON"
  content         = file("${path.module}/../runbook.json")
}

resource "aws_ssm_association" "association" {
  association_name            = var.name
  name                        = aws_ssm_document.reload_document.name
  document_version            = "$DEFAULT"
  schedule_expression         = var.association_rate
  apply_only_at_cron_interval = false
  max_concurrency             = "10%"
  max_errors                  = "10%"
  compliance_severity         = "HIGH"
  sync_compliance             = "AUTO"
  parameters = {
    secretArn     = local.config_arn
    mode          = var.mode
    jitterSeconds = "300"
    bootHook      = var.boot_hook
  }
  targets {
    key    = "tag:ecs-pull-auth"
    values = var.fleet_tag_values
  }
}

resource "aws_iam_policy" "instance_policy" {
  name_prefix = "${var.name}-instance-"
  description = "For the role of the container instances, beside AmazonSSMManagedInstanceCore."
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "CurrentConfig"
        Effect    = "Allow"
        Action    = ["secretsmanager:GetSecretValue"]
        Resource  = [local.config_arn]
        Condition = { StringEquals = { "secretsmanager:VersionStage" = ["AWSCURRENT"] } }
      }],
      [for secrets in [[local.config_arn]] : merge(local.key_use, {
        Action    = ["kms:Decrypt"]
        Condition = merge(local.key_use.Condition, { StringLike = { "kms:EncryptionContext:SecretARN" = secrets } })
      }) if local.has_key],
    )
  })
}
