import { AmqpError } from '../../protocol/errors.ts';
import type { FieldTable } from '../../protocol/field-table.ts';
import { decodeTable } from '../../protocol/field-table-codec.ts';
import { textOf } from '../../protocol/field-value.ts';
import { AuthenticationFailure } from '../authentication-failure.ts';
import type { Credentials, Mechanism } from './mechanism.ts';

/** AMQPLAIN, the mechanism of AMQP 0-8: a field table without its length, with LOGIN and PASSWORD. */
export const amqplain: Mechanism = {
  name: 'AMQPLAIN',

  credentials(response: Buffer): Credentials {
    const fields = decode(response);
    const username = textOf(fields.get('LOGIN'));
    const password = textOf(fields.get('PASSWORD'));
    if (username === undefined || password === undefined) {
      throw new AuthenticationFailure('AMQPLAIN auth info is missing LOGIN or PASSWORD field');
    }
    return { username, password };
  },
};

function decode(response: Buffer): FieldTable {
  try {
    return decodeTable(response, 0, response.length);
  } catch (error) {
    if (error instanceof AmqpError) throw new AuthenticationFailure('malformed response');
    throw error;
  }
}
