/** Parameter Store, where a Lambda keeps its plan. */

import { ask } from './failure.ts'
import { GetParameterCommand, type SSMClient } from './ssm-api.ts'

/** The value of a parameter, by name or ARN. Throws PLAN_MISSING when there is none. */
export async function readParameter(client: SSMClient, name: string): Promise<string> {
  const gone = [
    'PLAN_MISSING',
    `There is no SSM parameter ${name} in this account and Region.`,
    'Check the name (a path begins with /), or deploy the stack that makes it.',
  ] as const
  const asked = { action: 'ssm:GetParameter', subject: `parameter ${name}` }
  const answer = await ask(asked, () => client.send(new GetParameterCommand({ Name: name, WithDecryption: true })), {
    ParameterNotFound: gone,
    ParameterVersionNotFound: gone,
  })
  return answer.Parameter?.Value ?? ''
}
