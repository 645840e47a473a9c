/** What is done around every file of scenarios. Files share a process, and with it the modules that this one calls. */

import { afterAll, afterEach, beforeAll } from 'vitest';
import { undoAccessChanges } from './access.ts';
import { forgetWishes, startWanted, stopStarted } from './broker.ts';
import { clearPolicies } from './policies.ts';

forgetWishes();
beforeAll(startWanted);
afterEach(clearPolicies);
afterEach(undoAccessChanges);
afterAll(stopStarted);
