import type { CertificateLogin } from '../certificate-name.ts';
import { amqplain } from './amqplain.ts';
import { external } from './external.ts';
import type { Mechanism } from './mechanism.ts';
import { plain } from './plain.ts';

/** All there are, in the order in which they are offered. */
export const mechanismNames = ['AMQPLAIN', 'EXTERNAL', 'PLAIN'] as const;
export type MechanismName = (typeof mechanismNames)[number];

/** The mechanisms an operator wants (rabbitmq.conf: `auth_mechanisms`). */
export function mechanisms(
  wanted: readonly MechanismName[] = ['AMQPLAIN', 'PLAIN'],
  login: CertificateLogin = {},
): readonly Mechanism[] {
  const all: Readonly<Record<MechanismName, Mechanism>> = {
    AMQPLAIN: amqplain,
    EXTERNAL: external(login),
    PLAIN: plain,
  };
  return mechanismNames.filter((name) => wanted.includes(name)).map((name) => all[name]);
}
