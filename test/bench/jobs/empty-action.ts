/** The least that an Action is: it reads an input and ends. */

import * as core from '@actions/core'

core.info(`The input is ${core.getInput('name') === '' ? 'empty' : 'there'}.`)
