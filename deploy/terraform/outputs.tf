output "stored_config_arn" {
  description = "ARN of the stored config."
  value       = local.config_arn
}

output "instance_policy_arn" {
  description = "Attach it to the role of the container instances, beside AmazonSSMManagedInstanceCore."
  value       = aws_iam_policy.instance_policy.arn
}

output "reload_document" {
  description = "fleet.document of the plan."
  value       = aws_ssm_document.reload_document.name
}

output "rotate_function_arn" {
  description = "The rotation function."
  value       = aws_lambda_function.rotate_function.arn
}

output "react_function_arn" {
  description = "The event function."
  value       = aws_lambda_function.react_function.arn
}

output "topic_arn" {
  description = "Subscribe whoever is on call."
  value       = local.topic_arn
}

output "runbook_role_arn" {
  description = "fleet.runbook.role of the plan; fleet.runbook.name is the module's name and -rollout. Empty without a runbook."
  value       = one(aws_iam_role.runbook_role[*].arn)
}

output "workflow_role_arn" {
  description = "role-to-assume of the workflow. Empty without a repository."
  value       = one(aws_iam_role.workflow_role[*].arn)
}
