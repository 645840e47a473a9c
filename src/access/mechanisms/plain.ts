import { AuthenticationFailure } from '../authentication-failure.ts';
import type { Credentials, Mechanism } from './mechanism.ts';

/** PLAIN (RFC 4616): `NUL user NUL password`. Like RabbitMQ, it takes no authorisation identity. */
export const plain: Mechanism = {
  name: 'PLAIN',

  credentials(response: Buffer): Credentials {
    const separator = response.indexOf(0, 1);
    if (response[0] !== 0 || separator === -1 || response.includes(0, separator + 1)) {
      throw new AuthenticationFailure('malformed response');
    }
    return {
      username: response.toString('utf8', 1, separator),
      password: response.toString('utf8', separator + 1),
    };
  },
};
