import { describe, expect, it } from 'vitest';
import { Roster, type Seat, type Seated } from '../../src/server/roster.ts';

class Guest implements Seated<Guest> {
  seat: Seat<Guest> | undefined;
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

function guests() {
  return [new Guest('ada'), new Guest('ben'), new Guest('cy')] as const;
}

describe('a roster', () => {
  it('visits those who are there in the order in which they came, as often as they have come once', () => {
    const [ada, ben, cy] = guests();
    const roster = new Roster<Guest>();
    for (const guest of [ada, ben, cy, ada]) roster.add(guest);
    roster.delete(ada);
    roster.delete(ada);
    roster.add(ada);
    expect([...roster]).toEqual([ben, cy, ada]);
    expect(roster.size).toBe(3);
  });

  it('takes nobody who is on another one', () => {
    const [ada] = guests();
    const [first, second] = [new Roster<Guest>(), new Roster<Guest>()];
    first.add(ada);
    expect(() => second.add(ada)).toThrow('it is on another roster already');
    expect(second.size).toBe(0);
    first.delete(ada);
    second.add(ada);
    expect([...second]).toEqual([ada]);
  });

  it('keeps nothing of those who have left, and leaves them out while it is being gone through', () => {
    const [ada, ben, cy] = guests();
    const roster = new Roster<Guest>();
    for (const guest of [ada, ben, cy]) roster.add(guest);
    const { seat } = ben;
    const visited: string[] = [];
    for (const guest of roster) {
      visited.push(guest.name);
      roster.delete(ben);
    }
    expect(visited).toEqual(['ada', 'cy']);
    expect(seat?.member).toBeUndefined();
  });
});
