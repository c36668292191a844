/**
 * The stack's alarms, each with the page of docs/operate.md that says what to do; CloudFormation and Terraform get the same.
 * `of`: `secret` has the functions' own metrics of the stored config, a function or queue has AWS's.
 */

/**
 * @typedef {object} Alarm
 * @property {string} id
 * @property {string} says
 * @property {string} metric
 * @property {'secret' | 'rotate' | 'react' | 'current-dead' | 'ended-dead' | 'schedule-dead'} of
 * @property {'Sum' | 'Maximum' | 'Minimum'} statistic
 * @property {number} period
 * @property {number} periods
 * @property {'GreaterThanThreshold' | 'LessThanThreshold'} comparison
 * @property {number | string} threshold a number, or the name of a parameter
 * @property {'notBreaching' | 'breaching'} silence what no data means
 */

/**
 * @param {string} id
 * @param {Alarm['of']} of
 * @param {string} metric
 * @param {string} says
 * @returns {Alarm}
 */
function happened(id, of, metric, says) {
  const often = { statistic: /** @type {const} */ ('Sum'), period: 300, periods: 1, threshold: 0 }
  return { id, of, metric, says, ...often, comparison: 'GreaterThanThreshold', silence: 'notBreaching' }
}

/** @type {readonly Alarm[]} */
export const ALARMS = [
  happened('RotationFailed', 'secret', 'RotationFailed', 'A step of a rotation failed. The credentials in use live on; Secrets Manager tries again.'),
  happened('RotationAbandoned', 'secret', 'RotationAbandoned', 'A rotation was given up because another version came between.'),
  happened('RotateErrors', 'rotate', 'Errors', 'The rotation function ended with an error, a timeout or no memory.'),
  happened('RotateThrottles', 'rotate', 'Throttles', 'The rotation function was not started: a concurrency limit is too low.'),
  happened('ReactErrors', 'react', 'Errors', 'The event function ended with an error, a timeout or no memory.'),
  happened('ReactThrottles', 'react', 'Throttles', 'The event function was not started: a concurrency limit is too low.'),
  happened('ReactionFailed', 'secret', 'ReactionFailed', 'The event function could not do what an event asked for. The event comes again.'),
  happened('RolloutIncomplete', 'secret', 'RolloutIncomplete', 'A rollout ended and not every instance runs the version. Nothing old was revoked.'),
  happened('RevokeFailed', 'secret', 'RevokeFailed', 'An old credential could not be revoked and is still alive.'),
  { ...happened('Throttled', 'secret', 'Throttled', 'AWS throttles the functions.'), threshold: 3 },
  {
    // Dead-man: the watch measures it every quarter of an hour, so silence is as bad as age.
    ...happened('VersionAge', 'secret', 'VersionAge', 'The current version is older than two rotations, or nobody measures it any more.'),
    statistic: 'Maximum',
    period: 3600,
    periods: 2,
    threshold: 'MaxVersionAgeSeconds',
    silence: 'breaching',
  },
  {
    ...happened('CredentialLifeUsed', 'secret', 'CredentialLifeUsed', 'A credential has used up more of its life than the schedule allows for.'),
    statistic: 'Maximum',
    period: 3600,
    threshold: 'MaxLifeUsedPercent',
  },
  {
    ...happened('RootDaysLeft', 'secret', 'RootDaysLeft', 'A root credential ends within two weeks; nothing can be minted from then on.'),
    statistic: 'Minimum',
    period: 3600,
    comparison: 'LessThanThreshold',
    threshold: 14,
  },
  happened('CurrentDead', 'current-dead', 'ApproximateNumberOfMessagesVisible', 'An event of the stored config was given up: a version may not have been rolled out.'),
  happened('EndedDead', 'ended-dead', 'ApproximateNumberOfMessagesVisible', 'The end of a rollout was given up: old credentials may be alive.'),
  happened('ScheduleDead', 'schedule-dead', 'ApproximateNumberOfMessagesVisible', 'EventBridge Scheduler could not ask for a rotation.'),
]
