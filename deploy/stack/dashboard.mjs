/** The dashboard that answers "is every host on a live credential". `${…}` is filled in by CloudFormation or Terraform. */

const SECRET = ['Secret', '${StoredConfigName}']

/** @param {string} title @param {number} x @param {number} y @param {readonly unknown[]} metrics @param {object} [more] */
function graph(title, x, y, metrics, more = {}) {
  const properties = { title, region: '${AWS::Region}', stat: 'Maximum', period: 300, view: 'timeSeries', metrics, ...more }
  return { type: 'metric', x, y, width: 12, height: 6, properties }
}

/** @param {readonly string[]} names */
const own = (...names) => names.map((name) => ['ecs-pull-auth', name, ...SECRET])

/** Every registry by itself, whichever the plan has. @param {string} name */
function perRegistry(name) {
  const expression = `SEARCH('{ecs-pull-auth,Secret,Registry} MetricName="${name}" Secret="\${StoredConfigName}"', 'Maximum', 300)`
  return [[{ expression, id: 'registries', label: '' }]]
}

/** @param {readonly import('./alarms.mjs').Alarm[]} alarms */
export function dashboard(alarms) {
  const always = alarms.filter(({ of }) => of !== 'schedule-dead')
  const arns = always.map(({ id }) => `arn:\${AWS::Partition}:cloudwatch:\${AWS::Region}:\${AWS::AccountId}:alarm:\${Name}-${id}`)
  return {
    widgets: [
      { type: 'alarm', x: 0, y: 0, width: 24, height: 4, properties: { title: 'Does anything need somebody?', alarms: arns } },
      graph('Is every host on a live credential?', 0, 4, own('RolloutTargets', 'RolloutOnVersion', 'RolloutFailed')),
      graph('How much of its life has each credential used? (%)', 12, 4, perRegistry('CredentialLifeUsed'), {
        yAxis: { left: { min: 0, max: 100 } },
      }),
      graph('How old is the current version? (s)', 0, 10, own('VersionAge')),
      graph('How long did a new credential have to live? (s)', 12, 10, perRegistry('TtlAtPromotion')),
      graph('Days left of credentials', 0, 16, perRegistry('CredentialDaysLeft')),
      graph('Days left of roots', 12, 16, perRegistry('RootDaysLeft')),
      graph('Rotations', 0, 22, own('Promoted', 'RotationFailed', 'RotationAbandoned', 'PendingReused', 'PendingAbandoned', 'CasConflict'), { stat: 'Sum' }),
      graph('Functions (ms)', 12, 22, own('StepDuration')),
      graph('Events', 0, 28, [
        ['AWS/SQS', 'ApproximateNumberOfMessagesVisible', 'QueueName', '${Name}-current'],
        ['AWS/SQS', 'ApproximateNumberOfMessagesVisible', 'QueueName', '${Name}-ended'],
        ['AWS/SQS', 'ApproximateNumberOfMessagesVisible', 'QueueName', '${Name}-current-dead'],
        ['AWS/SQS', 'ApproximateNumberOfMessagesVisible', 'QueueName', '${Name}-ended-dead'],
      ]),
      graph('Reactions', 12, 28, own('ReactionFailed', 'RolloutIncomplete', 'RevokeFailed', 'Throttled'), { stat: 'Sum' }),
    ],
  }
}
