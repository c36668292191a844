# The event function: what it may do, what it hears of, and through which queues.

resource "aws_iam_role" "react_role" {
  name_prefix        = "${var.name}-react-"
  description        = "The event function of ecs-pull-auth - starts and judges rollouts, retires."
  assume_role_policy = local.trusts_lambda
}

resource "aws_iam_role_policy" "react_role" {
  name = "react"
  role = aws_iam_role.react_role.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      local.reads_config,
      local.decrypts.config,
      local.rolls_out,
      local.writes_outputs,
      local.encrypts.outputs,
      local.reads_roots.retire,
      local.decrypts.retire,
      [{
        Sid      = "Events"
        Effect   = "Allow"
        Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
        Resource = [aws_sqs_queue.current_queue.arn, aws_sqs_queue.ended_queue.arn]
      }],
      local.runs_as_function.react,
    )
  })
}

resource "aws_iam_role_policy_attachment" "react_role" {
  for_each   = toset(var.react_policy_arns)
  role       = aws_iam_role.react_role.name
  policy_arn = each.value
}

resource "aws_lambda_function" "react_function" {
  function_name     = "${var.name}-react"
  description       = "Reloads the fleet when AWSCURRENT moves, judges the rollout, retires old credentials."
  runtime           = "nodejs24.x"
  architectures     = ["arm64"]
  handler           = "react.handler"
  memory_size       = 512
  timeout           = 300 # a sixth of the queues' visibility timeout
  role              = aws_iam_role.react_role.arn
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
  depends_on = [aws_cloudwatch_log_group.react_log, aws_iam_role_policy.react_role]
}

resource "aws_sqs_queue" "current_queue" {
  name                       = "${var.name}-current"
  visibility_timeout_seconds = 1800
  message_retention_seconds  = 345600
  sqs_managed_sse_enabled    = true
  redrive_policy             = jsonencode({ deadLetterTargetArn = aws_sqs_queue.current_dead_letters.arn, maxReceiveCount = 5 })
}

resource "aws_sqs_queue" "current_dead_letters" {
  name                      = "${var.name}-current-dead"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

# The end of a rollout comes before fleet.drain is over: it waits here, so that only what really failed comes again.
resource "aws_sqs_queue" "ended_queue" {
  name                       = "${var.name}-ended"
  delay_seconds              = var.drain_seconds
  visibility_timeout_seconds = 1800
  message_retention_seconds  = 345600
  sqs_managed_sse_enabled    = true
  redrive_policy             = jsonencode({ deadLetterTargetArn = aws_sqs_queue.ended_dead_letters.arn, maxReceiveCount = 5 })
}

resource "aws_sqs_queue" "ended_dead_letters" {
  name                      = "${var.name}-ended-dead"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_policy" "current_queue_policy" {
  for_each  = { queue = aws_sqs_queue.current_queue, dead = aws_sqs_queue.current_dead_letters }
  queue_url = each.value.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Rules"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = each.value.arn
      Condition = { ArnEquals = { "aws:SourceArn" = [
        aws_cloudwatch_event_rule.current_rule.arn,
        aws_cloudwatch_event_rule.watch_rule.arn,
      ] } }
    }]
  })
}

resource "aws_sqs_queue_policy" "ended_queue_policy" {
  for_each  = { queue = aws_sqs_queue.ended_queue, dead = aws_sqs_queue.ended_dead_letters }
  queue_url = each.value.url
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "Rules"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = each.value.arn
      Condition = { ArnEquals = { "aws:SourceArn" = concat(
        [aws_cloudwatch_event_rule.ended_rule.arn],
        aws_cloudwatch_event_rule.runbook_ended_rule[*].arn,
      ) } }
    }]
  })
}

# Native, whoever moved the label: no trail is needed.
resource "aws_cloudwatch_event_rule" "current_rule" {
  name        = "${var.name}-current"
  description = "AWSCURRENT of the stored config has moved."
  event_pattern = jsonencode({
    source      = ["aws.secretsmanager"]
    detail-type = ["Secret Label Updated"]
    resources   = [local.config_arn]
    detail      = { labelUpdated = ["AWSCURRENT"] }
  })
}

resource "aws_cloudwatch_event_rule" "ended_rule" {
  name        = "${var.name}-ended"
  description = "A Run Command of the reload document has ended."
  event_pattern = jsonencode({
    source      = ["aws.ssm"]
    detail-type = ["EC2 Command Status-change Notification"]
    detail = {
      document-name = ["${var.name}-reload"]
      status        = ["Success", "Failed", "TimedOut", "Cancelled"]
    }
  })
}

resource "aws_cloudwatch_event_rule" "runbook_ended_rule" {
  count       = var.use_runbook ? 1 : 0
  name        = "${var.name}-run-ended"
  description = "A run of the runbook has ended."
  event_pattern = jsonencode({
    source      = ["aws.ssm"]
    detail-type = ["EC2 Automation Execution Status-change Notification"]
    detail = {
      Definition = ["${var.name}-rollout"]
      Status     = ["Success", "Failed", "TimedOut", "Cancelled", "Rejected"]
    }
  })
}

# The beat by which the age of the current version is measured: what never happens has no event of its own.
resource "aws_cloudwatch_event_rule" "watch_rule" {
  name                = "${var.name}-watch"
  description         = "Has the event function measure the age of the current version."
  schedule_expression = "rate(15 minutes)"
}

# Of CloudTrail, so best effort and only with a trail: the alarms do not depend on it.
resource "aws_cloudwatch_event_rule" "failure_rule" {
  name        = "${var.name}-rotation-failed"
  description = "Secrets Manager says that a rotation of the stored config failed."
  event_pattern = jsonencode({
    source      = ["aws.secretsmanager"]
    detail-type = ["AWS Service Event via CloudTrail"]
    detail = {
      eventSource         = ["secretsmanager.${local.suffix}", "secretsmanager.amazonaws.com"]
      eventName           = ["RotationFailed", "RotationAbandoned", "TestRotationFailed"]
      additionalEventData = { SecretId = [local.config_arn] }
    }
  })
}

locals {
  rules = merge(
    {
      current = [aws_cloudwatch_event_rule.current_rule.name, aws_sqs_queue.current_queue.arn, aws_sqs_queue.current_dead_letters.arn]
      watch   = [aws_cloudwatch_event_rule.watch_rule.name, aws_sqs_queue.current_queue.arn, aws_sqs_queue.current_dead_letters.arn]
      ended   = [aws_cloudwatch_event_rule.ended_rule.name, aws_sqs_queue.ended_queue.arn, aws_sqs_queue.ended_dead_letters.arn]
    },
    { for rule in aws_cloudwatch_event_rule.runbook_ended_rule : "run" => [rule.name, aws_sqs_queue.ended_queue.arn, aws_sqs_queue.ended_dead_letters.arn] },
  )
}

resource "aws_cloudwatch_event_target" "queues" {
  for_each  = local.rules
  rule      = each.value[0]
  target_id = "queue"
  arn       = each.value[1]
  dead_letter_config {
    arn = each.value[2]
  }
  retry_policy {
    maximum_event_age_in_seconds = 3600
    maximum_retry_attempts       = 185
  }
}

resource "aws_cloudwatch_event_target" "failure_rule" {
  rule      = aws_cloudwatch_event_rule.failure_rule.name
  target_id = "topic"
  arn       = local.topic_arn
  input_transformer {
    input_paths    = { name = "$.detail.eventName", secret = "$.detail.additionalEventData.SecretId" }
    input_template = "\"<name> of <secret>. Read the log of the rotation function; docs/operate.md says what each code asks for.\""
  }
}

resource "aws_lambda_event_source_mapping" "current_source" {
  event_source_arn        = aws_sqs_queue.current_queue.arn
  function_name           = aws_lambda_function.react_function.arn
  batch_size              = 1
  function_response_types = ["ReportBatchItemFailures"]
}

resource "aws_lambda_event_source_mapping" "ended_source" {
  event_source_arn        = aws_sqs_queue.ended_queue.arn
  function_name           = aws_lambda_function.react_function.arn
  batch_size              = 1
  function_response_types = ["ReportBatchItemFailures"]
}
