/** The plan's `outputs`: other places that hold the same minted credential, where nothing has to be reloaded. */

import { isObject, join, objectAt, readFields, tableSchema } from './fields.ts'
import type { FieldProblem, FieldTable, JsonValue } from './ports.ts'

export type PlannedOutput =
  | {
      readonly kind: 'repository-credentials' | 'ecr-pull-through-cache'
      /** Registry key of the managed entry whose credential goes there. */
      readonly registry: string
      /** Name or ARN of the secret that it is written to. */
      readonly secret: string
    }
  | {
      /** The whole stored config, for instances that fetch it from S3 when they boot. */
      readonly kind: 's3'
      readonly bucket: string
      readonly key: string
      /** Id, ARN or alias of the KMS key; null = the bucket's own. */
      readonly kmsKey: string | null
    }

const SECRET_FIELDS: FieldTable = {
  registry: {
    kind: 'string',
    required: true,
    description: 'Registry key of the managed entry whose credential is written.',
    example: 'acme.jfrog.io',
  },
  secret: {
    kind: 'secret',
    required: true,
    description: 'The secret that it is written to. It exists already, and nothing else rotates it.',
    example: 'prod/ecs/jfrog',
  },
}

const S3_FIELDS: FieldTable = {
  uri: {
    kind: 'string',
    required: true,
    description: 'The object that the whole stored config is written to.',
    example: 's3://acme-ecs/ecs.config',
  },
  kmsKey: { kind: 'string', description: 'KMS key id, ARN or alias. Default: the bucket’s own.', example: 'alias/ecs' },
}

const TABLES: Readonly<Record<PlannedOutput['kind'], FieldTable>> = {
  'repository-credentials': SECRET_FIELDS,
  'ecr-pull-through-cache': SECRET_FIELDS,
  s3: S3_FIELDS,
}

/** Reads the list; `managed` are the registry keys that the plan lists. */
export function readOutputs(
  value: unknown,
  managed: readonly string[],
  problems: FieldProblem[],
): readonly PlannedOutput[] {
  if (value === undefined) return []
  if (!Array.isArray(value)) {
    problems.push({ field: 'outputs', problem: 'must be a list' })
    return []
  }
  const outputs = value.flatMap((entry, index) => readOutput(entry, join('outputs', String(index)), managed, problems))
  const seen = new Map<string, number>()
  for (const [index, output] of outputs.entries()) {
    const target = output.kind === 's3' ? `s3://${output.bucket}/${output.key}` : output.secret
    const twin = seen.get(target)
    if (twin !== undefined) {
      problems.push({ field: `outputs.${index}`, problem: `writes ${target}, which outputs.${twin} writes already` })
    }
    seen.set(target, index)
  }
  return outputs
}

function readOutput(
  value: unknown,
  path: string,
  managed: readonly string[],
  problems: FieldProblem[],
): readonly PlannedOutput[] {
  const before = problems.length
  const { kind, ...rest } = objectAt(value, path, problems)
  if (!isObject(value)) return []
  const table = typeof kind === 'string' && Object.hasOwn(TABLES, kind) ? TABLES[kind as PlannedOutput['kind']] : null
  if (table === null) {
    problems.push({ field: join(path, 'kind'), problem: `must be one of ${Object.keys(TABLES).join(', ')}` })
    return []
  }
  const fields = readFields(table, rest, path, problems)
  if (problems.length > before) return []
  const output = kind === 's3' ? readS3(fields, path, problems) : readSecretOutput(kind as string, fields)
  if (output === null) return []
  if (output.kind !== 's3') problems.push(...secretProblems(output, path, managed))
  return [output]
}

function readSecretOutput(kind: string, fields: Readonly<Record<string, unknown>>): PlannedOutput {
  return {
    kind: kind as 'repository-credentials' | 'ecr-pull-through-cache',
    registry: String(fields['registry']),
    secret: String(fields['secret']),
  }
}

function secretProblems(
  output: Exclude<PlannedOutput, { kind: 's3' }>,
  path: string,
  managed: readonly string[],
): readonly FieldProblem[] {
  const problems: FieldProblem[] = []
  if (!managed.includes(output.registry)) {
    problems.push({
      field: join(path, 'registry'),
      problem: `is not a registry key of this plan: ${managed.join(', ')}`,
    })
  }
  const name = output.secret.replace(/^arn:.*:secret:/, '')
  // ECR finds the secret of a pull-through-cache rule by this beginning (facts/registries.md section 3.4).
  if (output.kind === 'ecr-pull-through-cache' && !name.startsWith('ecr-pullthroughcache/')) {
    problems.push({
      field: join(path, 'secret'),
      problem: 'must begin with ecr-pullthroughcache/, or ECR does not read it',
    })
  }
  return problems
}

/** Bucket names of the S3 user guide, without dots: with dots no certificate fits the bucket's own host. */
const S3_URI = /^s3:\/\/([a-z0-9][a-z0-9-]{1,61}[a-z0-9])\/([A-Za-z0-9!_.*'()/-]{1,512})$/
const KMS_KEY = /^(?:arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:)?(?:key\/|alias\/)?[A-Za-z0-9/_-]{1,256}$/

function readS3(
  fields: Readonly<Record<string, unknown>>,
  path: string,
  problems: FieldProblem[],
): PlannedOutput | null {
  const [, bucket, key] = S3_URI.exec(String(fields['uri'])) ?? []
  const kmsKey = (fields['kmsKey'] ?? null) as string | null
  if (bucket === undefined || key === undefined || key.split('/').some((part) => /^\.{0,2}$/.test(part))) {
    problems.push({
      field: join(path, 'uri'),
      problem: "must be s3://BUCKET/KEY, the bucket without dots, the key of letters, digits and !_.*'()/-",
    })
    return null
  }
  if (kmsKey !== null && !KMS_KEY.test(kmsKey)) {
    problems.push({ field: join(path, 'kmsKey'), problem: 'must be the id, ARN or alias of a KMS key' })
    return null
  }
  return { kind: 's3', bucket, key, kmsKey }
}

export function outputsSchema(): JsonValue {
  const schemas = Object.entries(TABLES).map(([kind, table]): JsonValue => {
    const { properties, required } = tableSchema(table)
    return {
      type: 'object',
      additionalProperties: false,
      required: ['kind', ...required],
      properties: { kind: { const: kind }, ...properties },
    }
  })
  return { type: 'array', description: 'The same credentials where no reload is needed.', items: { oneOf: schemas } }
}
