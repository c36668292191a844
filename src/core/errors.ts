/** The one error class, and the table of every code it can carry. */

/** Stable codes with their meaning. `docs/errors.md` lists the same codes; a test compares the two. */
export const ERROR_CODES = {
  USAGE: 'The command line or the inputs do not fit together.',
  PLAN_MISSING: 'There is no plan where one was expected.',
  PLAN_UNREADABLE: 'The plan is not valid YAML or JSON.',
  PLAN_INVALID: 'The plan asks for something that is not allowed; every problem is listed.',
  PLAN_UNSUPPORTED: 'The plan asks for something that this version does not do.',
  CADENCE_UNSAFE: 'The rotation schedule lets credentials die before every instance has their successors.',
  CONFIG_EMPTY: 'The stored config has no text.',
  CONFIG_NOT_ECS: 'The stored config is neither an ecs.config nor its key/value JSON form.',
  CONFIG_AUTH_UNREADABLE: 'The stored registry auth is not what the ECS agent can read.',
  CONFIG_UNWRITABLE: 'A value cannot be written so that every reader of the file reads it alike.',
  CONFIG_TOO_LARGE: 'The merged config is larger than its target allows.',
  CONFIG_CHANGED: 'Somebody changed the stored config while it was being rotated.',
  SECRET_NOT_FOUND: 'A secret does not exist, or is scheduled for deletion.',
  VERSION_NOT_FOUND: 'A secret version has no value (yet), or does not exist.',
  VERSION_EXISTS: 'The secret version already has another value: another writer was first.',
  LABEL_MOVED: 'A staging label is not where it was a moment ago.',
  ACCESS_DENIED: 'AWS refused a call for lack of permission.',
  AWS_CREDENTIALS: 'There are no usable AWS credentials or no region.',
  AWS_THROTTLED: 'AWS throttled a call and kept doing so.',
  AWS_UNAVAILABLE: 'An AWS call had no answer or a server error; it may have taken effect.',
  AWS_REFUSED: 'AWS refused a call for another reason.',
  ROTATION_EVENT: 'The Lambda event is not one of Secrets Manager rotation.',
  ROTATION_DISABLED: 'Rotation is not enabled on the secret.',
  ROTATION_RUNNING: 'Another rotation of the secret is under way or was left unfinished.',
  ROTATION_ABANDONED: 'This rotation was superseded; its version is not pending any more.',
  ROTATION_TIMEOUT: 'The rotation did not become current in time.',
  PENDING_STALE: 'The pending version cannot be promoted; it was released so that the next rotation starts afresh.',
  CREDENTIAL_INVALID: 'A credential secret does not hold what its provider needs.',
  CREDENTIAL_EXPIRING: 'A credential has too little life left to be published.',
  IDENTITY_UNAVAILABLE: 'Neither GitHub nor AWS gave the identity token that a registry asks for.',
  MINT_REJECTED: 'The registry does not accept the root credential that mints tokens.',
  MINT_NOT_PERMITTED: 'The root credential may not mint this token.',
  MINT_RATE_LIMITED: 'The registry asks to wait before another token is minted.',
  MINT_UNAVAILABLE: 'The token API did not answer usefully; nothing was minted.',
  MINT_AMBIGUOUS: 'The token API was asked, but its answer was lost; a token may exist.',
  REVOKE_FAILED: 'An old credential could not be revoked; it is still alive.',
  PROBE_REJECTED: 'The registry rejects the credential.',
  PROBE_DENIED: 'The credential logs in but may not pull the probe.',
  PROBE_MISSING: 'The credential works, but the probe image has no such tag or digest.',
  PROBE_PUBLIC: 'Anybody can pull the probe, so pulling it proves nothing.',
  PROBE_UNKNOWN: 'The registry gave no clear answer; an unknown result is never published.',
  DOCUMENT_MISSING: 'The SSM document does not exist or is not active.',
  TARGETS_NONE: 'The rollout matched no container instance.',
  CLUSTER_MISSING: 'The ECS cluster of the plan does not exist or is not active.',
  COMMAND_REFUSED: 'Run Command refused the rollout.',
  COMMAND_UNCONFIRMED: 'It is not known whether Run Command accepted the rollout.',
  ROLLOUT_INCOMPLETE: 'At least one container instance does not run the version.',
  ROLLOUT_TIMEOUT: 'The rollout was still running when its time was over.',
  ROLLOUT_DETACHED: 'Somebody interrupted the following of a rollout, which goes on.',
  ROLLOUT_CANCELLED: 'Somebody interrupted the following of a rollout, and it was cancelled as asked.',
  RUN_CANCELLED: 'The workflow was cancelled, and this run stopped where nothing is half done.',
  COMMAND_UNKNOWN: 'The Run Command that is to be followed is no rollout of the current version.',
  RUNBOOK_MISSING: 'The Automation runbook does not exist.',
  RUNBOOK_ENDED: 'The Automation runbook ended before it had reloaded the fleet.',
  RETIRE_NOT_YET: 'Old credentials may still be in use, so none was revoked.',
  ROLLBACK_REFUSED: 'There is no earlier version whose credentials could become current again.',
  OUTPUT_FAILED: 'A secret or object that the plan lists as an output could not be written.',
  FILE_UNREADABLE: 'A file cannot be read.',
  DEMO_FAILED: 'The demo did not end as it should.',
  INTERNAL: 'A defect of ecs-pull-auth.',
} as const

export type ErrorCode = keyof typeof ERROR_CODES

/**
 * Every failure that leaves the core. `message` says what went wrong and names the input or ARN; `hint` says what to do.
 * Neither ever holds a credential or a response body.
 */
export class PullAuthError extends Error {
  override readonly name = 'PullAuthError'
  readonly code: ErrorCode
  readonly hint: string

  constructor(code: ErrorCode, message: string, hint: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.hint = hint
  }
}

/** Any thrown value as our error; what is not ours is a defect and says so without its text, which may hold anything. */
export function asPullAuthError(thrown: unknown): PullAuthError {
  if (thrown instanceof PullAuthError) return thrown
  const kind = thrown instanceof Error ? thrown.name : typeof thrown
  return new PullAuthError(
    'INTERNAL',
    `Unexpected ${kind} inside ecs-pull-auth.`,
    'Open an issue with the stack: the CLI shows it with --verbose, the Action with step debug logging, the log of a function has it.',
    thrown,
  )
}

/** Where a defect of ours happened; none for any other error. What a foreign error says may hold anything, so it stays out. */
export function framesOf({ code, cause }: PullAuthError): readonly string[] {
  if (code !== 'INTERNAL' || !(cause instanceof Error)) return []
  const { stack = '', message } = cause
  const frames = stack.slice(stack.indexOf(message) + message.length)
  return frames.split('\n').filter((line) => /^ {4}at /.test(line))
}

export function isCode(thrown: unknown, ...codes: readonly ErrorCode[]): thrown is PullAuthError {
  return thrown instanceof PullAuthError && codes.includes(thrown.code)
}
