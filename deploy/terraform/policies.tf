# The statements that several roles have; ecs-pull-auth iam prints the same for a plan.

locals {
  key_use = {
    Sid       = "SecretKeys"
    Effect    = "Allow"
    Action    = ["kms:Decrypt"]
    Resource  = [local.key_arn]
    Condition = { StringEquals = { "kms:ViaService" = ["secretsmanager.${local.region}.${local.suffix}"] } }
  }

  # Lists of one statement or none, for concat.
  decrypts = { for name, secrets in {
    config = [local.config_arn]
    roots  = var.root_secret_arns
    retire = var.retire_secret_arns
    } : name => [for one in [secrets] : merge(local.key_use, {
      Sid       = "Decrypt${title(name)}"
      Condition = merge(local.key_use.Condition, { StringLike = { "kms:EncryptionContext:SecretARN" = one } })
  }) if local.has_key && length(one) > 0] }

  encrypts = { for name, secrets in {
    config  = [local.config_arn]
    outputs = var.output_secret_arns
    } : name => [for one in [secrets] : merge(local.key_use, {
      Sid       = "Encrypt${title(name)}"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Condition = merge(local.key_use.Condition, { StringLike = { "kms:EncryptionContext:SecretARN" = one } })
  }) if local.has_key && length(one) > 0] }

  reads_config = [{
    Sid      = "StoredConfig"
    Effect   = "Allow"
    Action   = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
    Resource = [local.config_arn]
  }]

  reads_roots = { for name, secrets in { roots = var.root_secret_arns, retire = var.retire_secret_arns } : name => [for one in [secrets] : {
    Sid      = "RootSecrets"
    Effect   = "Allow"
    Action   = ["secretsmanager:GetSecretValue"]
    Resource = one
  } if length(one) > 0] }

  writes_outputs = [for one in [var.output_secret_arns] : {
    Sid    = "OutputSecrets"
    Effect = "Allow"
    Action = [
      "secretsmanager:DescribeSecret",
      "secretsmanager:GetSecretValue",
      "secretsmanager:PutSecretValue",
      "secretsmanager:UpdateSecretVersionStage",
    ]
    Resource = one
  } if length(one) > 0]

  asks_for_rotation = [
    { Sid = "AskForRotation", Effect = "Allow", Action = ["secretsmanager:RotateSecret"], Resource = [local.config_arn] },
    { Sid = "RotationFunction", Effect = "Allow", Action = ["lambda:InvokeFunction"], Resource = [local.rotate_arn] },
  ]

  watches = [{
    Sid      = "Rollouts"
    Effect   = "Allow"
    Action   = ["ssm:ListCommands", "ssm:ListCommandInvocations", "ssm:DescribeInstanceInformation"]
    Resource = ["*"]
  }]

  sends = [
    { Sid = "SendDocument", Effect = "Allow", Action = ["ssm:SendCommand"], Resource = [local.document_arn] },
    {
      Sid       = "SendToFleet"
      Effect    = "Allow"
      Action    = ["ssm:SendCommand"]
      Resource  = ["${local.arn}:ec2:${local.here}:instance/*", "${local.arn}:ssm:${local.here}:managed-instance/*"]
      Condition = { StringEquals = { "ssm:resourceTag/ecs-pull-auth" = var.fleet_tag_values } }
    },
  ]

  starts_runbook = [
    {
      Sid    = "StartRunbook"
      Effect = "Allow"
      Action = ["ssm:StartAutomationExecution"]
      # The service authorization reference wants the first two, and knows the third still.
      Resource = [
        "${local.arn}:ssm:${local.here}:document/${var.name}-rollout",
        "${local.arn}:ssm:${local.here}:automation-execution/*",
        "${local.arn}:ssm:${local.here}:automation-definition/${var.name}-rollout:*",
      ]
    },
    {
      Sid      = "Runs"
      Effect   = "Allow"
      Action   = ["ssm:GetAutomationExecution"]
      Resource = ["${local.arn}:ssm:${local.here}:automation-execution/*"]
    },
    { Sid = "FindRuns", Effect = "Allow", Action = ["ssm:DescribeAutomationExecutions"], Resource = ["*"] },
    {
      Sid       = "PassRunbookRole"
      Effect    = "Allow"
      Action    = ["iam:PassRole"]
      Resource  = ["${local.arn}:iam::${local.account}:role/${var.name}-rollout"]
      Condition = { StringEquals = { "iam:PassedToService" = ["ssm.amazonaws.com"] } }
    },
  ]

  # Systems Manager looks at the alarm in a role of its own, which whoever first names an alarm makes.
  uses_alarm = [{
    Sid       = "AlarmRole"
    Effect    = "Allow"
    Action    = ["iam:CreateServiceLinkedRole"]
    Resource  = ["${local.arn}:iam::${local.account}:role/aws-service-role/ssm.amazonaws.com/AWSServiceRoleForAmazonSSM"]
    Condition = { StringEquals = { "iam:AWSServiceName" = ["ssm.amazonaws.com"] } }
  }]

  # A run looks and stops itself in its own role; a composite alarm cannot be seen with less than all.
  obeys_alarm = [
    { Sid = "Alarm", Effect = "Allow", Action = ["cloudwatch:DescribeAlarms"], Resource = ["*"] },
    {
      Sid      = "StopItself"
      Effect   = "Allow"
      Action   = ["ssm:StopAutomationExecution"]
      Resource = ["${local.arn}:ssm:${local.here}:automation-execution/*"]
    },
  ]

  # Whoever follows a rollout to its end looks for its runbook before, and can end it.
  follows = [
    {
      Sid      = "RunbookDocument"
      Effect   = "Allow"
      Action   = ["ssm:DescribeDocument"]
      Resource = ["${local.arn}:ssm:${local.here}:document/${var.name}-rollout"]
    },
    { Sid = "CancelRollout", Effect = "Allow", Action = ["ssm:CancelCommand"], Resource = ["*"] },
    {
      Sid      = "StopRuns"
      Effect   = "Allow"
      Action   = ["ssm:StopAutomationExecution"]
      Resource = ["${local.arn}:ssm:${local.here}:automation-execution/*"]
    },
  ]

  covers = [
    {
      Sid      = "Cluster"
      Effect   = "Allow"
      Action   = ["ecs:ListContainerInstances"]
      Resource = ["${local.arn}:ecs:${local.here}:cluster/${var.cluster_name}"]
    },
    {
      Sid       = "ClusterInstances"
      Effect    = "Allow"
      Action    = ["ecs:DescribeContainerInstances"]
      Resource  = ["${local.arn}:ecs:${local.here}:container-instance/${var.cluster_name}/*"]
      Condition = { ArnEquals = { "ecs:cluster" = ["${local.arn}:ecs:${local.here}:cluster/${var.cluster_name}"] } }
    },
  ]

  rolls_out = concat(
    [{ Sid = "Document", Effect = "Allow", Action = ["ssm:DescribeDocument"], Resource = [local.document_arn] }],
    [for one in local.sends : one if !var.use_runbook],
    [for one in local.starts_runbook : one if var.use_runbook],
    [for one in local.uses_alarm : one if local.has_alarm],
    local.watches,
    [for one in local.covers : one if local.has_cluster],
  )

  runs_as_function = { for name in ["rotate", "react"] : name => concat(
    [
      {
        Sid      = "Plan"
        Effect   = "Allow"
        Action   = ["ssm:GetParameter"]
        Resource = ["${local.arn}:ssm:${local.here}:parameter${local.plan_parameter}"]
      },
      {
        Sid      = "Log"
        Effect   = "Allow"
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${local.arn}:logs:${local.here}:log-group:/aws/lambda/${var.name}-${name}:log-stream:*"]
      },
    ],
    [for one in [{
      Sid    = "Network"
      Effect = "Allow"
      Action = [
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
      ]
      Resource = ["*"]
    }] : one if local.in_vpc],
  ) }

  trusts_lambda = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "lambda.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}
