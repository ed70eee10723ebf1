/** What the kernel tells of a group; made by labkit/widgets/group_view.py. */
export interface MatrixSnapshot {
  title: string;
  group_id: string;
  /** Kafka's word, and what it means. */
  group_state: string;
  meaning: string;
  assignor: string;
  topics: { topic: string; partitions: number }[];
  members: Member[];
  /** Topic and partition of what nobody reads. */
  unassigned: [string, number][];
  sentence: string;
  state: string;
  fresh: boolean;
}

export interface Member {
  place: number;
  letter: string;
  client_id: string;
  /** The client id, unless it is the client's own default, which all members share. */
  name: string;
  member_id: string;
  host: string;
  assigned: Record<string, number[]>;
  /** Why it reads nothing of this; empty where it reads something. */
  idle: string;
}

export interface Column {
  topic: string;
  partition: number;
  isUnassigned: boolean;
}

/** The columns of the matrix: the partitions of each topic, in order. */
export function columnsOf({ topics, unassigned }: MatrixSnapshot): Column[] {
  const free = new Set(unassigned.map(([topic, partition]) => `${topic}/${partition}`));
  return topics.flatMap(({ topic, partitions }) =>
    Array.from({ length: partitions }, (_, partition) => ({
      topic,
      partition,
      isUnassigned: free.has(`${topic}/${partition}`),
    })),
  );
}

export function isAssigned(member: Member, { topic, partition }: Column): boolean {
  return member.assigned[topic]?.includes(partition) ?? false;
}

/** Which cells are filled that were not before: topic, partition and member of each. */
export function cellsOf(snapshot: MatrixSnapshot): Set<string> {
  return new Set(
    snapshot.members.flatMap((member) =>
      Object.entries(member.assigned).flatMap(([topic, partitions]) =>
        partitions.map((partition) => cellKey(member, { topic, partition })),
      ),
    ),
  );
}

export function cellKey(member: Member, { topic, partition }: Omit<Column, "isUnassigned">): string {
  return `${member.member_id}/${topic}/${partition}`;
}

/** A member id is a client id and a UUID: its last characters tell two members apart. */
export const shortId = (memberId: string): string => `…${memberId.slice(-6)}`;
