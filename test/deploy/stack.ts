/** The template as CloudFormation would carry it out: functions and conditions resolved, so that a test sees plain resources. */

import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { CORE_SCHEMA, defineScalarTag, defineSequenceTag, load } from 'js-yaml'

export const ROOT = resolve(import.meta.dirname, '../..')

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }
export type Fields = Readonly<Record<string, Json>>

export interface Resource {
  readonly Type: string
  readonly Properties: Fields
  readonly DeletionPolicy?: string
  readonly UpdateReplacePolicy?: string
}

interface Template {
  readonly Parameters: Readonly<Record<string, { readonly Type: string; readonly Default?: string | number }>>
  readonly Conditions: Fields
  readonly Resources: Readonly<Record<string, Resource & { readonly Condition?: string }>>
  readonly Outputs: Fields
}

/** `!Ref x` is `{ Ref: x }`, `!GetAtt a.b` is `{ Fn::GetAtt: [a, b] }`: as CloudFormation reads them. */
export function readTemplate(): Template {
  const sequence = (name: string) =>
    defineSequenceTag<unknown[], unknown>(`!${name}`, {
      identify: () => false,
      create: () => [],
      addItem: (items, item) => void items.push(item),
      finalize: (items) => ({ [`Fn::${name}`]: items }),
    })
  const scalar = (name: string, read: (text: string) => unknown) =>
    defineScalarTag<unknown>(`!${name}`, { identify: () => false, resolve: (text: string) => read(text) })
  const schema = CORE_SCHEMA.withTags(
    ['Sub', 'If', 'Equals', 'And', 'Or', 'Not', 'Join', 'Split', 'Select'].map(sequence),
    scalar('Ref', (name) => ({ Ref: name })),
    scalar('Sub', (text) => ({ 'Fn::Sub': text })),
    scalar('Condition', (name) => ({ Condition: name })),
    scalar('GetAtt', (text) => ({
      'Fn::GetAtt': [text.slice(0, text.indexOf('.')), text.slice(text.indexOf('.') + 1)],
    })),
  )
  return load(readFileSync(join(ROOT, 'deploy/template.yaml'), 'utf8'), { schema }) as Template
}

/** What a stack is of: where, and its parameters beside the defaults. */
export interface StackOrder {
  readonly region?: string
  readonly partition?: string
  readonly urlSuffix?: string
  readonly parameters: Readonly<Record<string, string>>
}

export const ACCOUNT = '111122223333'
export const SECRET_ARN = `arn:aws:secretsmanager:eu-central-1:${ACCOUNT}:secret:prod/ecs/agent-config-AbCdEf`

/** What nobody can leave out, and nothing else. */
export const LEAST: Readonly<Record<string, string>> = {
  StoredConfigName: 'prod/ecs/agent-config',
  StoredConfigArn: SECRET_ARN,
  PlanParameterName: '/prod/plan',
  CodeBucket: 'acme-releases',
  CodeKey: 'ecs-pull-auth-lambda-1.0.0.zip',
}

/** Every optional part at once, as far as they go together. */
export const MOST: Readonly<Record<string, string>> = {
  ...LEAST,
  KmsKeyArn: `arn:aws:kms:eu-central-1:${ACCOUNT}:key/0f8fad5b-d9cb-469f-a165-70867728950e`,
  RootSecretArns: `arn:aws:secretsmanager:eu-central-1:${ACCOUNT}:secret:prod/gitlab/root-??????`,
  IdentityAudiences: 'https://api.cloudsmith.io',
  OutputSecretArns: `arn:aws:secretsmanager:eu-central-1:${ACCOUNT}:secret:prod/ecs/jfrog-??????`,
  FastSchedule: 'rate(30 minutes)',
  ClusterName: 'prod',
  SubnetIds: 'subnet-0a,subnet-0b',
  SecurityGroupIds: 'sg-0a',
  GithubRepository: 'acme/infrastructure',
  GithubOwnerId: '1234',
  GithubRepositoryId: '5678',
  UseRunbook: 'true',
  ApprovalTopicArn: `arn:aws:sns:eu-central-1:${ACCOUNT}:AutomationApproval`,
  CalendarName: 'freeze',
  RolloutAlarm: 'checkout-errors',
}

const NOTHING = Symbol('AWS::NoValue')

/** The resources that such a stack has, with values in place of functions. */
export function resolveStack(order: StackOrder): Readonly<Record<string, Resource>> {
  const template = readTemplate()
  const resolver = new Resolver(template, order)
  const made = Object.entries(template.Resources).filter(
    ([, { Condition }]) => Condition === undefined || resolver.holds(Condition),
  )
  return Object.fromEntries(
    made.map(([id, { Condition: _, ...resource }]) => [id, resolver.value(resource as never) as unknown as Resource]),
  )
}

class Resolver {
  readonly #template: Template
  readonly #names: Readonly<Record<string, Json>>

  constructor(
    template: Template,
    { region = 'eu-central-1', partition = 'aws', urlSuffix = 'amazonaws.com', parameters }: StackOrder,
  ) {
    this.#template = template
    const unknown = Object.keys(parameters).filter((name) => template.Parameters[name] === undefined)
    if (unknown.length > 0) throw new Error(`The template has no parameter ${unknown.join(', ')}.`)
    const given = Object.entries(template.Parameters).map(([name, { Type, Default }]): [string, Json] => {
      const text = parameters[name] ?? Default
      if (text === undefined) throw new Error(`Parameter ${name} has no value.`)
      if (Type === 'CommaDelimitedList') return [name, String(text).split(',')]
      return [name, Type === 'Number' ? Number(text) : text]
    })
    this.#names = {
      ...Object.fromEntries(given),
      'AWS::AccountId': ACCOUNT,
      'AWS::Region': region,
      'AWS::Partition': partition,
      'AWS::URLSuffix': urlSuffix,
    }
  }

  holds(name: string): boolean {
    const condition = this.#template.Conditions[name]
    if (condition === undefined) throw new Error(`The template has no condition ${name}.`)
    return this.value(condition) === true
  }

  value(of: Json): Json {
    const value = this.#any(of)
    if (typeof value === 'symbol') throw new Error('AWS::NoValue stands where nothing can be left out.')
    return value
  }

  #any(of: Json): Json | typeof NOTHING {
    if (Array.isArray(of)) return of.map((item) => this.#any(item)).filter((item) => typeof item !== 'symbol')
    if (typeof of !== 'object' || of === null) return of
    const entries = Object.entries(of as Fields)
    const [[name, argument] = ['', null]] = entries
    if (entries.length === 1 && (name === 'Ref' || name === 'Condition' || name.startsWith('Fn::')))
      return this.#call(name, argument)
    const resolved = entries.map(([key, item]) => [key, this.#any(item)] as const)
    return Object.fromEntries(resolved.filter(([, item]) => typeof item !== 'symbol')) as Fields
  }

  #call(name: string, argument: Json): Json | typeof NOTHING {
    if (name === 'Ref') return argument === 'AWS::NoValue' ? NOTHING : this.#ref(String(argument))
    if (name === 'Condition') return this.holds(String(argument))
    const list = Array.isArray(argument) ? (argument as readonly Json[]) : [argument]
    if (name === 'Fn::If') return this.#any((this.holds(String(list[0])) ? list[1] : list[2]) ?? null)
    if (name === 'Fn::Sub') return this.#sub(list)
    if (name === 'Fn::GetAtt') return this.#attribute(String(list[0]), String(list[1]))
    const values = list.map((item) => this.value(item))
    const [first, second] = values
    switch (name) {
      case 'Fn::Equals':
        return first === second
      case 'Fn::And':
        return values.every((value) => value === true)
      case 'Fn::Or':
        return values.includes(true)
      case 'Fn::Not':
        return first !== true
      case 'Fn::Join':
        return (second as readonly string[]).join(String(first))
      case 'Fn::Split':
        return String(second).split(String(first))
      case 'Fn::Select':
        return (second as readonly Json[])[Number(first)] ?? null
      default:
        throw new Error(`${name} is not known here.`)
    }
  }

  #sub([text, own = {}]: readonly Json[]): string {
    const names = this.value(own) as Fields
    return String(text).replaceAll(/\$\{([^}!]+)\}/g, (_, name: string) => {
      const [id = '', attribute] = name.split('.')
      return String(names[name] ?? (attribute === undefined ? this.#ref(name) : this.#attribute(id, attribute)))
    })
  }

  /** As each type's page of the CloudFormation reference has it: for most the name, for some the ARN. */
  #ref(name: string): Json {
    const known = this.#names[name]
    if (known !== undefined) return known
    const type = this.#typeOf(name)
    const byArn = ['AWS::SNS::Topic', 'AWS::SecretsManager::Secret', 'AWS::IAM::ManagedPolicy']
    return byArn.includes(type) ? this.#attribute(name, 'Arn') : this.#physical(name)
  }

  #typeOf(id: string): string {
    const resource = this.#template.Resources[id]
    if (resource === undefined) throw new Error(`The template has no ${id}.`)
    return resource.Type
  }

  #physical(id: string): string {
    const properties = this.#template.Resources[id]?.Properties ?? {}
    const name = Object.keys(properties).find((key) => /^(?:Name|\w+Name)$/.test(key) && !key.startsWith('Document'))
    return name === undefined ? id : String(this.value(properties[name] ?? id))
  }

  #attribute(id: string, attribute: string): string {
    if (attribute.endsWith('Name')) return this.#physical(id)
    const type = this.#typeOf(id)
    const [, service = ''] = type.toLowerCase().split('::')
    const global = service === 'iam' ? '' : this.#names['AWS::Region']
    const kinds: Readonly<Record<string, string>> = {
      'AWS::Lambda::Function': 'function:',
      'AWS::IAM::Role': 'role/',
      'AWS::IAM::ManagedPolicy': 'policy/',
      'AWS::KMS::Key': 'key/',
      'AWS::Events::Rule': 'rule/',
      'AWS::SecretsManager::Secret': 'secret:',
    }
    const suffix = type === 'AWS::SecretsManager::Secret' ? '-AbCdEf' : ''
    return `arn:${this.#names['AWS::Partition']}:${service}:${global}:${ACCOUNT}:${kinds[type] ?? ''}${this.#physical(id)}${suffix}`
  }
}
