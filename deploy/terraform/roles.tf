# Roles that are no function's: the runbook's and the workflow's.

resource "aws_iam_role" "runbook_role" {
  count       = var.use_runbook ? 1 : 0
  name        = "${var.name}-rollout"
  description = "Automation, running rollouts of ecs-pull-auth."
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ssm.amazonaws.com" }
      Action    = "sts:AssumeRole"
      Condition = {
        StringEquals = { "aws:SourceAccount" = local.account }
        ArnLike      = { "aws:SourceArn" = "${local.arn}:ssm:${local.here}:automation-execution/*" }
      }
    }]
  })
}

resource "aws_iam_role_policy" "runbook_role" {
  count = var.use_runbook ? 1 : 0
  name  = "rollout"
  role  = aws_iam_role.runbook_role[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      local.sends,
      local.watches,
      [for name in [var.calendar_name] : {
        Sid      = "Calendar"
        Effect   = "Allow"
        Action   = ["ssm:GetCalendarState"]
        Resource = ["${local.arn}:ssm:${local.here}:document/${name}"]
      } if name != ""],
      [for topic in [var.approval_topic_arn] : {
        Sid      = "AskForApproval"
        Effect   = "Allow"
        Action   = ["sns:Publish"]
        Resource = [topic]
      } if topic != ""],
      [for one in local.obeys_alarm : one if local.has_alarm],
    )
  })
}

locals {
  github     = "token.actions.githubusercontent.com"
  repository = split("/", "${var.github_repository}/")
}

# Repositories made since 2026-07-15 have ids in their subject, older ones do not: both spellings, and the ids beside either.
resource "aws_iam_role" "workflow_role" {
  count                = local.has_workflow ? 1 : 0
  name_prefix          = "${var.name}-workflow-"
  description          = "A workflow of ${var.github_repository}, asking for a rotation and reloading the fleet."
  max_session_duration = 7200
  lifecycle {
    precondition {
      condition     = var.github_owner_id != "" && var.github_repository_id != ""
      error_message = "A repository is trusted by its name and both ids."
    }
  }
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Federated = "${local.arn}:iam::${local.account}:oidc-provider/${local.github}" }
      Action    = "sts:AssumeRoleWithWebIdentity"
      Condition = { StringEquals = {
        "${local.github}:aud"                 = "sts.${local.suffix}"
        "${local.github}:repository_owner_id" = var.github_owner_id
        "${local.github}:repository_id"       = var.github_repository_id
        "${local.github}:sub" = [
          "repo:${local.repository[0]}@${var.github_owner_id}/${local.repository[1]}@${var.github_repository_id}:${var.github_context}",
          "repo:${var.github_repository}:${var.github_context}",
        ]
      } }
    }]
  })
}

resource "aws_iam_role_policy" "workflow_role" {
  count = local.has_workflow ? 1 : 0
  name  = "workflow"
  role  = aws_iam_role.workflow_role[0].id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      local.reads_config,
      local.decrypts.config,
      local.asks_for_rotation,
      local.rolls_out,
      [for one in local.follows : one if var.use_runbook == (one.Sid != "CancelRollout")],
      local.writes_outputs,
      local.encrypts.outputs,
      local.reads_roots.retire,
      local.decrypts.retire,
    )
  })
}
