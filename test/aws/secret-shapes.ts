/** The input members of Secrets Manager's operations, from the API model (botocore 1.43.11 `secretsmanager/2017-10-17`). */

import { boolean, integer, list, string, structure, text } from './wire.ts'

const SECRET_ID = string({ min: 1, max: 2048 })
const VERSION_ID = string({ min: 32, max: 64 })
const LABEL = string({ min: 1, max: 256 })
const MOST_BYTES = 65_536

const VALUE = { SecretString: text(MOST_BYTES), SecretBinary: string({ min: 1, max: Math.ceil(MOST_BYTES / 3) * 4 }) }

export const shapes = {
  create: structure(
    {
      Name: string({ min: 1, max: 512 }),
      ClientRequestToken: VERSION_ID,
      Description: string({ max: 2048 }),
      KmsKeyId: string({ max: 2048 }),
      Tags: list(structure({ Key: string({ min: 1, max: 128 }), Value: string({ max: 256 }) })),
      ...VALUE,
    },
    ['Name'],
  ),
  describe: structure({ SecretId: SECRET_ID }, ['SecretId']),
  get: structure({ SecretId: SECRET_ID, VersionId: VERSION_ID, VersionStage: LABEL }, ['SecretId']),
  put: structure(
    {
      SecretId: SECRET_ID,
      ClientRequestToken: VERSION_ID,
      VersionStages: list(LABEL, { min: 1, max: 20 }),
      RotationToken: string({ min: 36, max: 256, pattern: /^[a-zA-Z0-9-]+$/ }),
      ...VALUE,
    },
    ['SecretId'],
  ),
  update: structure(
    { SecretId: SECRET_ID, ClientRequestToken: VERSION_ID, Description: string({ max: 2048 }), ...VALUE },
    ['SecretId'],
  ),
  move: structure(
    { SecretId: SECRET_ID, VersionStage: LABEL, RemoveFromVersionId: VERSION_ID, MoveToVersionId: VERSION_ID },
    ['SecretId', 'VersionStage'],
  ),
  listVersions: structure(
    {
      SecretId: SECRET_ID,
      MaxResults: integer({ min: 1, max: 100 }),
      NextToken: string({ min: 1, max: 4096 }),
      IncludeDeprecated: boolean,
    },
    ['SecretId'],
  ),
  delete: structure({ SecretId: SECRET_ID, RecoveryWindowInDays: integer(), ForceDeleteWithoutRecovery: boolean }, [
    'SecretId',
  ]),
}
