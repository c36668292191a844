/** The three calls that the jobs make, alike. */

export const SECRET = 'bench/agent-config'
export const VERSION = '00000002-0000-4000-8000-000000000000'
export const DOCUMENT = 'bench-reload'
export const PUT = {
  SecretId: SECRET,
  ClientRequestToken: VERSION,
  SecretString: 'ECS_CLUSTER=bench\n',
  VersionStages: ['BENCH'],
}
export const SEND = { DocumentName: DOCUMENT, Targets: [{ Key: 'tag:bench', Values: ['yes'] }] }
