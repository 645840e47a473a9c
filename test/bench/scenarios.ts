/** What is measured, as data. */
import type { Scenario } from './scenario.ts';
import { backlogs } from './scenarios/backlogs.ts';
import { delays } from './scenarios/delays.ts';
import { many } from './scenarios/many.ts';
import { streams } from './scenarios/streams.ts';
import { throughput } from './scenarios/throughput.ts';

export const scenarios: readonly Scenario[] = [...throughput, ...delays, ...many, ...streams, ...backlogs];
