# Who is told, and what they look at. alarms.json and dashboard.json are made by deploy/make-template.mjs.

resource "aws_sns_topic" "topic" {
  count = local.makes_topic ? 1 : 0
  name  = "${var.name}-alarms"
}

resource "aws_sns_topic_policy" "topic_policy" {
  count = local.makes_topic ? 1 : 0
  arn   = aws_sns_topic.topic[0].arn
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "Alarms"
        Effect    = "Allow"
        Principal = { Service = "cloudwatch.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.topic[0].arn
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
      # EventBridge fills in no condition key for a topic: with one it would be refused, and nobody would be told.
      {
        Sid       = "Rules"
        Effect    = "Allow"
        Principal = { Service = "events.amazonaws.com" }
        Action    = "sns:Publish"
        Resource  = aws_sns_topic.topic[0].arn
      },
    ]
  })
}

locals {
  thresholds = {
    MaxVersionAgeSeconds = var.max_version_age_seconds
    MaxLifeUsedPercent   = var.max_life_used_percent
  }
  sources = {
    secret          = { namespace = "ecs-pull-auth", dimensions = { Secret = var.stored_config_name } }
    rotate          = { namespace = "AWS/Lambda", dimensions = { FunctionName = "${var.name}-rotate" } }
    react           = { namespace = "AWS/Lambda", dimensions = { FunctionName = "${var.name}-react" } }
    "current-dead"  = { namespace = "AWS/SQS", dimensions = { QueueName = "${var.name}-current-dead" } }
    "ended-dead"    = { namespace = "AWS/SQS", dimensions = { QueueName = "${var.name}-ended-dead" } }
    "schedule-dead" = { namespace = "AWS/SQS", dimensions = { QueueName = "${var.name}-schedule-dead" } }
  }
}

resource "aws_cloudwatch_metric_alarm" "alarm" {
  for_each = { for alarm in jsondecode(file("${path.module}/alarms.json")) : alarm.id => alarm if alarm.of != "schedule-dead" || local.is_fast }

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = "${each.value.says} See docs/operate.md#${lower(each.key)}"
  namespace           = local.sources[each.value.of].namespace
  dimensions          = local.sources[each.value.of].dimensions
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.periods
  comparison_operator = each.value.comparison
  threshold           = try(local.thresholds[each.value.threshold], each.value.threshold)
  treat_missing_data  = each.value.silence
  alarm_actions       = [local.topic_arn]
  ok_actions          = [local.topic_arn]
}

resource "aws_cloudwatch_dashboard" "dashboard" {
  dashboard_name = var.name
  dashboard_body = replace(replace(replace(replace(replace(
    file("${path.module}/dashboard.json"),
    "$${AWS::Region}", local.region),
    "$${AWS::AccountId}", local.account),
    "$${AWS::Partition}", local.partition),
    "$${Name}", var.name),
  "$${StoredConfigName}", var.stored_config_name)
}
