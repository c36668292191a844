/** The rotation function as it would be with the clients that the Lambda runtime brings. */

import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager'
import { SSMClient } from '@aws-sdk/client-ssm'

export { handler } from '../../../lambda/rotate.ts'
export const clients = [new SecretsManagerClient(), new SSMClient()]
