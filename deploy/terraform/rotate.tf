# The rotation function, and what asks for rotations.

resource "aws_iam_role" "rotate_role" {
  name_prefix        = "${var.name}-rotate-"
  description        = "The rotation function of ecs-pull-auth, for Secrets Manager's four steps."
  assume_role_policy = local.trusts_lambda
}

resource "aws_iam_role_policy" "rotate_role" {
  name = "rotate"
  role = aws_iam_role.rotate_role.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid    = "StoredConfig"
        Effect = "Allow"
        Action = [
          "secretsmanager:DescribeSecret",
          "secretsmanager:GetSecretValue",
          "secretsmanager:PutSecretValue",
          "secretsmanager:UpdateSecretVersionStage",
        ]
        Resource  = [local.config_arn]
        Condition = { StringEquals = { "secretsmanager:resource/AllowRotationLambdaArn" = [local.rotate_arn] } }
      }],
      local.encrypts.config,
      local.reads_roots.roots,
      local.decrypts.roots,
      [for audiences in [var.identity_audiences] : {
        Sid      = "IdentityTokens"
        Effect   = "Allow"
        Action   = ["sts:GetWebIdentityToken"]
        Resource = ["*"]
        Condition = {
          "ForAllValues:StringEquals" = { "sts:IdentityTokenAudience" = audiences }
          Null                        = { "sts:IdentityTokenAudience" = ["false"] }
        }
      } if length(audiences) > 0],
      local.runs_as_function.rotate,
    )
  })
}

resource "aws_iam_role_policy_attachment" "rotate_role" {
  for_each   = toset(var.rotate_policy_arns)
  role       = aws_iam_role.rotate_role.name
  policy_arn = each.value
}

# No reserved concurrency on purpose: a low one makes the steps of a rotation fail.
resource "aws_lambda_function" "rotate_function" {
  function_name     = "${var.name}-rotate"
  description       = "Secrets Manager rotation - mints, proves, promotes registry credentials. No reserved concurrency on purpose."
  runtime           = "nodejs24.x"
  architectures     = ["arm64"]
  handler           = "rotate.handler"
  memory_size       = 512
  timeout           = 120
  role              = aws_iam_role.rotate_role.arn
  s3_bucket         = var.code_bucket
  s3_key            = var.code_key
  s3_object_version = var.code_version == "" ? null : var.code_version
  environment {
    variables = { PLAN_PARAMETER = local.plan_parameter }
  }
  dynamic "vpc_config" {
    for_each = local.in_vpc ? [1] : []
    content {
      subnet_ids         = var.subnet_ids
      security_group_ids = var.security_group_ids
    }
  }
  depends_on = [aws_cloudwatch_log_group.rotate_log, aws_iam_role_policy.rotate_role]
  lifecycle {
    precondition {
      condition     = (var.plan == "") != (var.plan_parameter_name == "")
      error_message = "Give either plan or plan_parameter_name."
    }
    precondition {
      condition     = !var.create_key || (var.kms_key_arn == "" && var.stored_config_arn == "")
      error_message = "create_key is for a stored config that this module makes, without a kms_key_arn."
    }
  }
}

# Of this account only: without it a secret of any account could drive the function.
resource "aws_lambda_permission" "rotate_permission" {
  function_name  = aws_lambda_function.rotate_function.function_name
  action         = "lambda:InvokeFunction"
  principal      = "secretsmanager.amazonaws.com"
  source_account = local.account
}

resource "aws_secretsmanager_secret_rotation" "rotation" {
  secret_id           = local.config_arn
  rotation_lambda_arn = aws_lambda_function.rotate_function.arn
  rotate_immediately  = false
  rotation_rules {
    schedule_expression = var.rotation_schedule
    duration            = var.rotation_window
  }
  lifecycle {
    precondition {
      condition     = local.makes_config || can(regex(":secretsmanager:${local.here}:secret:", var.stored_config_arn))
      error_message = "The stored config must be in this account and, if it has replicas, this must be the Region of its primary."
    }
  }
  # Secrets Manager tries the function when it gets the schedule.
  depends_on = [aws_lambda_permission.rotate_permission, aws_secretsmanager_secret_version.initial_config]
}

resource "aws_iam_role" "scheduler_role" {
  count       = local.is_fast ? 1 : 0
  name_prefix = "${var.name}-schedule-"
  description = "EventBridge Scheduler, asking for rotations of ecs-pull-auth."
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "scheduler.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
    }]
  })
}

resource "aws_iam_role_policy" "scheduler_role" {
  count = local.is_fast ? 1 : 0
  name  = "rotate"
  role  = aws_iam_role.scheduler_role[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(local.asks_for_rotation, [{
      Sid      = "DeadLetters"
      Effect   = "Allow"
      Action   = ["sqs:SendMessage"]
      Resource = [aws_sqs_queue.schedule_dead_letters[0].arn]
    }])
  })
}

resource "aws_sqs_queue" "schedule_dead_letters" {
  count                     = local.is_fast ? 1 : 0
  name                      = "${var.name}-schedule-dead"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_scheduler_schedule" "fast_rotation" {
  count               = local.is_fast ? 1 : 0
  name                = "${var.name}-rotate"
  schedule_expression = var.fast_schedule
  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = "${local.arn}:scheduler:::aws-sdk:secretsmanager:rotateSecret"
    role_arn = aws_iam_role.scheduler_role[0].arn
    input    = jsonencode({ SecretId = local.config_arn })
    # The next one comes soon; a late one would only double it.
    retry_policy {
      maximum_event_age_in_seconds = 600
      maximum_retry_attempts       = 2
    }
    dead_letter_config {
      arn = aws_sqs_queue.schedule_dead_letters[0].arn
    }
  }
  depends_on = [aws_secretsmanager_secret_rotation.rotation]
}
