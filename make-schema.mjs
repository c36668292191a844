/** Writes plan.schema.json, for editors, and the tables of docs/plan.md, from the tables that validate plans: `npm run schema`. */

import { readFileSync, writeFileSync } from 'node:fs'
import { planSchema } from './src/core/plan.ts'
import { PROVIDERS } from './src/registries/table.ts'

const PAGE = new URL('docs/plan.md', import.meta.url)
const HEAD = ['field', 'takes', 'meaning']

/** docs/plan.md with its tables as they must be. */
export function planPage() {
  const { version, secret, format, registries, ...rest } = planSchema(PROVIDERS).properties
  const head = { version, secret, format }
  const kinds = registries.additionalProperties.oneOf
  const [first, ...others] = kinds.map(({ properties }) => properties)
  const common = Object.keys(first).filter((name) => others.every((own) => name in own))
  const own = (properties) => Object.fromEntries(Object.entries(properties).filter(([name]) => !common.includes(name)))
  const texts = {
    plan: table([
      ...rows(head, ['version', 'secret'], ''),
      ...registryRows(kinds[0], common, registries),
      ...rows(rest, [], ''),
    ]),
    providers: kinds
      .map(({ properties, description, required }) => {
        const name = properties.provider.const
        const fields = rows(own(properties), required, '')
        return `### ${name}\n\n${description}\n\n${fields.length === 0 ? 'No fields of its own.' : table(fields)}`
      })
      .join('\n\n'),
  }
  return Object.entries(texts).reduce(replacePart, readFileSync(PAGE, 'utf8'))
}

function registryRows({ properties, required }, common, registries) {
  const shared = Object.fromEntries(common.map((name) => [name, properties[name]]))
  shared.provider = { type: 'string', description: properties.provider.description }
  const head = ['`registries`', 'mapping, **required**', registries.description]
  return [head, ...rows(shared, required, 'registries.KEY.')]
}

/** Every field with what it takes and means, and those in it after it. */
function rows(properties, required, path) {
  return Object.entries(properties).flatMap(([name, field]) => {
    const must = required.includes(name) ? ', **required**' : ''
    const inside = field.properties === undefined ? [] : rows(field.properties, field.required ?? [], `${path}${name}.`)
    const items = field.items?.properties
    const listed = items === undefined ? [] : rows(items, field.items.required ?? [], `${path}${name}[].`)
    return [[`\`${path}${name}\``, `${kindOf(field)}${must}`, meaningOf(field)], ...inside, ...listed]
  })
}

function kindOf(field) {
  if (field.const !== undefined) return `\`${field.const}\``
  if (field.enum !== undefined) return field.enum.map((value) => `\`${value}\``).join(' or ')
  if (field.oneOf !== undefined) return field.oneOf.map(kindOf).join(' or ')
  if (field.pattern?.includes('[smhd]')) return 'duration'
  if (field.format === 'uri') return 'URL'
  return (
    { object: 'mapping', array: 'list', integer: 'number', boolean: '`true` or `false`', string: 'text' }[field.type] ??
    'JSON'
  )
}

function meaningOf({ description = '', examples = [] }) {
  const example = examples.length === 0 ? '' : ` For example \`${examples[0]}\`.`
  return `${description}${example}`.trim().replaceAll('|', '\\|')
}

function table(cells) {
  return [HEAD, HEAD.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |`).join('\n')
}

function replacePart(page, [name, text]) {
  const [begin, end] = [`<!-- ${name}: npm run schema -->`, `<!-- /${name} -->`]
  const [head, rest] = page.split(begin)
  const tail = rest?.split(end)[1]
  if (tail === undefined) throw new Error(`docs/plan.md has no place between ${begin} and ${end}`)
  return `${head}${begin}\n${text}\n${end}${tail}`
}

if (import.meta.main) {
  writeFileSync('plan.schema.json', `${JSON.stringify(planSchema(PROVIDERS), null, 2)}\n`)
  writeFileSync(PAGE, planPage())
}
