/** User data that gives a new instance its registry credentials before its ECS agent starts for the first time. */

/**
 * A shell script: it puts the document's own script on the instance, which sets itself up as the boot hook and writes
 * ecs.config. It starts nothing: the agent starts after user data anyway, and a restart in user data waits for ever.
 * @param {{ mainSteps: readonly { inputs: { runCommand: readonly string[] } }[] }} document
 * @param {string} secretArn
 * @param {string} mode
 * @returns {string}
 */
export function userData(document, secretArn, mode) {
  const script = document.mainSteps[0]?.inputs.runCommand ?? []
  return [
    '#!/bin/bash',
    '# ecs-pull-auth: registry credentials for the ECS agent, now and before every later start of it. Holds no secret.',
    '# More than 16 KB: gzip it, cloud-init unpacks it.',
    'umask 077',
    'script=$(mktemp)',
    "cat > \"$script\" <<'ECS_PULL_AUTH_SCRIPT'",
    ...script,
    'ECS_PULL_AUTH_SCRIPT',
    '# Whatever becomes of it, the rest of the user data runs and the agent starts.',
    `bash "$script" install '${secretArn}' ${mode} || true`,
    'rm -f "$script"',
    '',
  ].join('\n')
}
