/** The input members of Run Command's operations, from the API model (botocore 1.43.11 `ssm/2014-11-06`). */

import { boolean, integer, list, map, type Of, string, structure } from './wire.ts'

const INSTANCE_ID = string({ pattern: /(^i-(\w{8}|\w{17})$)|(^mi-\w{17}$)/ })
const COMMAND_ID = string({ min: 36, max: 36 })
const FILTERS = list(
  structure(
    {
      key: string({ values: ['InvokedAfter', 'InvokedBefore', 'Status', 'ExecutionStage', 'DocumentName'] }),
      value: string({ min: 1, max: 128 }),
    },
    ['key', 'value'],
  ),
  { min: 1, max: 5 },
)
const PAGING = { MaxResults: integer({ min: 1, max: 50 }), NextToken: string() }

export const shapes = {
  send: structure(
    {
      InstanceIds: list(INSTANCE_ID, { max: 50 }),
      Targets: list(
        structure({
          Key: string({ min: 1, max: 163, pattern: /^[\p{L}\p{Z}\p{N}_.:/=\-@]*$/u }),
          Values: list(string(), { max: 50 }),
        }),
        { max: 5 },
      ),
      DocumentName: string({ pattern: /^[a-zA-Z0-9_\-.:/]{3,128}$/ }),
      DocumentVersion: string({ pattern: /^([$]LATEST|[$]DEFAULT|[1-9][0-9]*)$/ }),
      DocumentHash: string({ max: 256 }),
      DocumentHashType: string({ values: ['Sha256', 'Sha1'] }),
      TimeoutSeconds: integer({ min: 30, max: 2_592_000 }),
      Comment: string({ max: 100 }),
      Parameters: map(list(string())),
      MaxConcurrency: string({ min: 1, max: 7, pattern: /^([1-9][0-9]*|[1-9][0-9]%|[1-9]%|100%)$/ }),
      MaxErrors: string({ min: 1, max: 7, pattern: /^([1-9][0-9]*|[0]|[1-9][0-9]%|[0-9]%|100%)$/ }),
      AlarmConfiguration: structure(
        {
          IgnorePollAlarmFailure: boolean,
          Alarms: list(structure({ Name: string({ min: 1, max: 255 }) }, ['Name']), { min: 1, max: 1 }),
        },
        ['Alarms'],
      ),
    },
    ['DocumentName'],
  ),
  list: structure({ CommandId: COMMAND_ID, InstanceId: INSTANCE_ID, Filters: FILTERS, ...PAGING }),
  listInvocations: structure({
    CommandId: COMMAND_ID,
    InstanceId: INSTANCE_ID,
    Filters: FILTERS,
    Details: boolean,
    ...PAGING,
  }),
  getInvocation: structure({ CommandId: COMMAND_ID, InstanceId: INSTANCE_ID, PluginName: string({ min: 4 }) }, [
    'CommandId',
    'InstanceId',
  ]),
  cancel: structure({ CommandId: COMMAND_ID, InstanceIds: list(INSTANCE_ID, { max: 50 }) }, ['CommandId']),
}

export type SendInput = Of<typeof shapes.send>
