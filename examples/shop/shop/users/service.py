"""How users keeps its promise."""

from outgrow import Store, Transaction, new_id, service, transactional
from shop.users.contract import (
    UnknownUser,
    User,
    UserRegistered,
    UserRenamed,
    Users,
    UserTotals,
)


@service
class UsersService(Users):
    """Keeps the users in one table."""

    store: Store

    @transactional
    async def register(self, tx: Transaction, name: str) -> User:
        user = User(user_id=new_id(), name=name)
        await tx.execute(
            "insert into users (user_id, name) values (:user_id, :name)",
            user_id=user.user_id,
            name=name,
        )
        await tx.record(UserRegistered(user_id=user.user_id, name=name))
        return user

    @transactional
    async def rename(self, tx: Transaction, user_id: str, name: str) -> User:
        changed = await tx.execute(
            "update users set name = :name, renames = renames + 1 where user_id = :user_id",
            user_id=user_id,
            name=name,
        )
        if not changed:
            raise UnknownUser(user_id=user_id)
        await tx.record(UserRenamed(user_id=user_id, name=name))
        return User(user_id=user_id, name=name)

    async def get_user(self, user_id: str) -> User:
        async with self.store.read() as snapshot:
            user = await snapshot.fetch_optional(
                User, "select user_id, name from users where user_id = :user_id", user_id=user_id
            )
        if user is None:
            raise UnknownUser(user_id=user_id)
        return user

    async def get_totals(self) -> UserTotals:
        async with self.store.read() as snapshot:
            return await snapshot.fetch_one(
                UserTotals,
                "select count(*) as registered, coalesce(sum(renames), 0) as renamed from users",
            )
